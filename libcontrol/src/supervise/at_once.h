#pragma once

#include <libcontrol/call.h>

namespace control {

/// A call with it returns what is there already and never waits.
inline const CallContext kAtOnce{.deadline = TimePoint{}};

}  // namespace control

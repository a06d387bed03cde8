#pragma once

#include <libcontrol/plugin.h>

namespace process_engine {

/// The engine "process". Endpoints: process:/// (a directory of this user's) and
/// process:///absolute/state/directory.
const control::PluginDescriptor& descriptor() noexcept;

}  // namespace process_engine

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <libcontrol/console.h>

#include "agent/actions/action.h"

namespace agent {

/// The actions on servers' consoles.
std::span<const Action> consoleActions();

/// "stdout", "stderr", "console" or "gap".
const char* streamName(const control::ConsoleLine& line);

/// `stream`, `seq`, `message`, `logLevel`, and `cut` where it is.
Json::Object encodeLine(const control::ConsoleLine& line);

/// Why lines were not sent.
inline constexpr const char* kTooMuchOutput = "more was written than is kept and sent";

}  // namespace agent

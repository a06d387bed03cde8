#pragma once

#include <libcontrol/plugin.h>

namespace process_engine {

/// For plugin.cpp, and for programs that link the engine in.
const control::PluginDescriptor& descriptor() noexcept;

}  // namespace process_engine

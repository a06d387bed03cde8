#pragma once

#include <string_view>

#include <libcontrol/plugin.h>

namespace control::conform {

/// The mock engine with one bug in it: `mutant:///stop_ignores_signal`, and `mutant:///none`
/// without any. What the suite must catch. All of them share the engine
/// `mock:///mutants?clock=virtual`.
const PluginDescriptor& mutantDescriptor() noexcept;

}  // namespace control::conform

#pragma once

#include <libcontrol/plugin.h>

namespace control::mock {

/// An engine in memory, for tests and demonstrations: `mock:///NAME[?clock=real|virtual&seed=N]`.
///
/// All runtimes of one name in one process share one engine, which stays until the process ends: a
/// runtime opened later finds the same runs. `seed` (default 1) decides the ids.
/// `clock=virtual` gives the engine, and with it the runtime, a FakeClock: the host's own if that
/// is one, else one of the engine. `clock=real` never uses a FakeClock. Without the key the
/// host's clock counts, whatever it is. A name that is opened with another clock or seed while a
/// runtime of it is open is refused; with none open, the new engine takes its place.
const PluginDescriptor& descriptor() noexcept;

}  // namespace control::mock

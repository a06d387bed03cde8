#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <libcontrol/call.h>
#include <libcontrol/endpoint.h>
#include <libcontrol/result.h>
#include <libcontrol/version.h>

namespace control {

class ContainerRuntime;

/// What a host lends to the runtimes it creates. A runtime keeps a copy (ContainerRuntime does so)
/// and takes time, settings and somebody to talk to from nowhere else: it reads no environment,
/// writes to no standard stream and sets no signal handler.
struct HostContext {
  /// Never null. Deadlines of calls are on this clock, and so are all times of StatsSample and all
  /// pauses of the runtime's own. Where it waits for its own threads it does so by waitUntil();
  /// where it waits for the kernel, as in poll(), for what is left of `deadline - now()`: a clock
  /// that is moved by hand is for who waits by waitUntil() alone.
  std::shared_ptr<Clock> clock = systemClock();
  /// Receives what a runtime wants an operator to know and cannot return as an error (a fallback
  /// taken, a file that could not be read). May be empty. Called from any thread; must not block.
  std::function<void(std::string_view message)> diagnostic{};
  /// DOCKER_HOST, CONTAINER_HOST, XDG_RUNTIME_DIR as the host wants them understood: libraries do
  /// not read the environment. May be empty; an empty text stands for a name that is not set.
  std::function<std::string(std::string_view name)> environment{};
};

/// The one thing a plugin exports:
///   CONTROL_PLUGIN_EXPORT const control::PluginDescriptor* control_plugin_descriptor() noexcept {
///     static constexpr control::PluginDescriptor kDescriptor{
///         CONTROL_PLUGIN_ABI_VERSION, CONTROL_BUILD_ID, "example", "1.0", createRuntime};
///     return &kDescriptor;
///   }
/// Constant data that lives as long as the library is loaded, which is until the process ends.
///
/// C++ types cross the border between host and plugin, so both must be built by the same
/// compiler against the same headers: the loader compares `abi_version` and `build_id` for
/// equality and refuses anything else. Plugins are trusted code in the host's process.
struct PluginDescriptor {
  /// CONTROL_PLUGIN_ABI_VERSION of the headers the plugin was built with. Stays the first member.
  std::uint32_t abi_version;
  /// CONTROL_BUILD_ID of those headers.
  const char* build_id;
  /// The engine name that endpoints use, as "docker".
  const char* name;
  /// The plugin's own version, for people.
  const char* version;
  /// Makes a runtime for `endpoint`, each time a new one, also on several threads at once. Must not
  /// throw; the loader treats an exception as kInternal. A query key that it does not know is
  /// kInvalidArgument: Endpoint::requireKnownQuery.
  /// Connects only as far as needed to tell a wrong endpoint (kInvalidArgument) or an engine that
  /// is not there (kUnavailable) from a good one.
  Result<std::unique_ptr<ContainerRuntime>> (*create)(const Endpoint& endpoint,
                                                      const HostContext& host,
                                                      const CallContext& context);
};

/// Name of the exported function.
inline constexpr const char* kPluginSymbol = "control_plugin_descriptor";

}  // namespace control

/// Put in front of the definition of control_plugin_descriptor().
#define CONTROL_PLUGIN_EXPORT extern "C" __attribute__((visibility("default")))

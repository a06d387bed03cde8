#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <libcontrol/plugin.h>
#include <libcontrol/runtime.h>

namespace control {

struct LoadOptions {
  /// Absolute path of the folder that holds the plugins (`libcontrol-<engine>.so`). Empty: the
  /// folder the library was installed with.
  std::string plugin_directory{};
  /// Absolute path of one plugin file to use instead of a search by engine name.
  std::string plugin_file{};
  /// Plugins linked into the program; looked at before any file.
  std::span<const PluginDescriptor* const> linked_plugins{};
  HostContext host{};
};

/// Opens the engine at `uri`, loading its plugin. The runtime keeps the plugin's library loaded;
/// there is no unloading. Never falls back to another engine.
///
/// Threads:  any.
/// Blocking: until the plugin has looked at the endpoint, or the context ends.
/// Errors:   kInvalidArgument: the URI, an unknown engine (the message lists what is installed), an
///           unknown query key. kPermissionDenied: the plugin file or a folder above it may be
///           written by others while we are root. kInternal: not a plugin, or built for another
///           version; the message names expected and found. kUnavailable: no engine there.
///           kDeadlineExceeded, kCancelled: the context ended first. And what the plugin says of
///           the endpoint.
Result<std::shared_ptr<ContainerRuntime>> loadRuntime(std::string_view uri,
                                                      const LoadOptions& options = {},
                                                      const CallContext& context = {});

/// The folder that plugins were installed to with this library.
std::string defaultPluginDirectory();

}  // namespace control

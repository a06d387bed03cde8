#pragma once

#include <libcontrol/plugin.h>

namespace control::podman {

/// The engine "podman", for programs that link it in; the loadable plugin exports the same.
///
/// Endpoints: podman:/// (CONTAINER_HOST of the HostContext, else /run/podman/podman.sock for root
/// and $XDG_RUNTIME_DIR/podman/podman.sock for others), podman:///path/to.sock.
const PluginDescriptor& descriptor() noexcept;

}  // namespace control::podman

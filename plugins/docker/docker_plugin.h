#pragma once

#include <libcontrol/plugin.h>

namespace control::docker {

/// The engine "docker", for programs that link it in; the loadable plugin exports the same.
///
/// Endpoints: docker:/// (DOCKER_HOST of the HostContext, else /var/run/docker.sock),
/// docker:///path/to.sock, docker+tcp://host:port,
/// docker+tls://host:port?ca=FILE&cert=FILE&key=FILE.
const PluginDescriptor& descriptor() noexcept;

}  // namespace control::docker

#pragma once

#include <libcontrol/endpoint.h>
#include <libcontrol/plugin.h>
#include <libcontrol/result.h>

#include "engine/connection.h"

namespace control::podman {

/// Where the service of an endpoint listens. kInvalidArgument: the endpoint, or the CONTAINER_HOST
/// that stands for it, makes no sense; the message says what would.
Result<engine::Address> addressOf(const Endpoint& endpoint, const HostContext& host);

/// The socket of podman:/// where CONTAINER_HOST names none: root's own, or that of the user.
std::string defaultSocket(unsigned user, const std::string& runtime_directory);

}  // namespace control::podman

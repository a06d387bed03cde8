#pragma once

#include <libcontrol/endpoint.h>
#include <libcontrol/plugin.h>
#include <libcontrol/result.h>

#include "engine/connection.h"

namespace control::docker {

/// Where the engine of an endpoint listens. kInvalidArgument: the endpoint, or the DOCKER_HOST
/// that stands for it, makes no sense; the message says what would.
Result<engine::Address> addressOf(const Endpoint& endpoint, const HostContext& host);

}  // namespace control::docker

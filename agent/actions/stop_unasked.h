#pragma once

#include <string>

#include "agent/actions/services.h"

namespace agent {

/// Stops a server for a reason of the agent's own, in the way that is the server's. What keeps it
/// from that goes to the log, under `category`.
void stopUnasked(Services& services, const std::string& server_id, const char* category);

/// Behind the scenes, when it runs.
void stopIfSuspended(Services& services, const std::string& server_id);

}  // namespace agent

#include "agent/actions/action.h"
#include "agent/actions/create_payload.h"

namespace agent {

void describePull(const Command& command, Operation& operation) {
  operation.image = readImage(command.fields());
  operation.server_id.clear();
}

control::Result<void> pullImage(Services& services, const Command& command,
                                const std::string& operation_id) {
  const std::string image = readImage(command.fields());
  requireAllowedImage(services.config.policy, image);
  return services.supervisor.pull(image, {}, operation_id);
}

}  // namespace agent

#include "agent/actions/stop_unasked.h"

#include <utility>

#include "agent/log.h"
#include "agent/panel/refusal.h"

namespace agent {

void stopUnasked(Services& services, const std::string& server_id, const char* category) {
  Operation operation;
  operation.action = "stop_server";
  operation.server_id = server_id;
  try {
    const std::string id = services.operations.begin(std::move(operation));
    control::StopOptions options;
    options.timeout = services.notes.stopTimeout(server_id);
    if (const auto stopping = services.supervisor.stop(server_id, options, id); !stopping) {
      (void)services.operations.take(id);
      log::warning(category, server_id + ": cannot be stopped: " + stopping.error().message);
    }
  } catch (const Refusal& refusal) {  // too much is in progress
    log::warning(category, server_id + ": cannot be stopped: " + refusal.message());
  }
}

void stopIfSuspended(Services& services, const std::string& server_id) {
  if (!services.suspended.contains(server_id)) return;
  const bool posted = services.workers.post([&services, server_id](const std::stop_token&) {
    const auto status = services.supervisor.status(server_id);
    if (!status || status->state != control::EntryState::kRunning) return;
    if (!services.suspended.contains(server_id)) return;
    log::warning("servers", server_id + ": runs though it is suspended; it is stopped");
    stopUnasked(services, server_id, "servers");
  });
  if (!posted) log::warning("servers", server_id + ": runs though it is suspended");
}

}  // namespace agent

#include <algorithm>

#include "agent/actions/action.h"
#include "agent/actions/create_payload.h"
#include "agent/actions/disk.h"
#include "agent/actions/registry_auth.h"

namespace agent {
namespace {

void refuseSuspended(const Services& services, const std::string& server_id) {
  if (services.suspended.contains(server_id))
    throw Refusal("INVALID_STATE",
                  "server '" + server_id + "' is suspended; unsuspend it before it is started");
}

void refuseRestoring(const Services& services, const std::string& server_id) {
  if (services.notes.isRestoring(server_id))
    throw Refusal("INVALID_STATE",
                  "a backup is being restored to server '" + server_id + "'; wait for its end");
}

/// One whose container could not be made stands for nothing: the supervisor lets it be replaced.
void refuseExisting(const Services& services, const std::string& server_id) {
  const auto status = services.supervisor.status(server_id);
  const bool empty = status && status->state == control::EntryState::kFailed && !status->container;
  if (status && !empty)
    throw Refusal("SERVER_EXISTS",
                  "server '" + server_id + "' exists already; delete or update it");
  if (services.notes.isRemoving(server_id))
    throw Refusal("INVALID_STATE", "the files of the deleted server '" + server_id +
                                       "' are still being removed; try again later");
}

/// The replacement of one whose container could not be made counts as that one.
void refuseMoreServers(const Services& services, const std::string& server_id) {
  const auto& most = services.config.policy.most_servers;
  if (!most || services.supervisor.status(server_id)) return;
  if (services.supervisor.list().size() >= *most)
    throw Refusal("POLICY_VIOLATION",
                  "this host allows at most " + std::to_string(*most) + " servers");
}

control::StopOptions stopOptions(const Services& services, const Command& command) {
  const control::StopOptions options =
      readStopPayload(command.fields(), services.notes.stopTimeout(command.server_id));
  requireAllowedSignal(services.config.policy, options.signal);
  return options;
}

/// An entry that is gone answers for itself; a payload is not read for it.
void requireKnown(const Services& services, const std::string& server_id) {
  const auto status = services.supervisor.status(server_id);
  if (!status) throw requestRefusal(status.error(), server_id, services.paths());
}

}  // namespace

control::Result<void> createServer(Services& services, const Command& command,
                                   const std::string& operation_id) {
  const std::string& server_id = command.server_id;
  control::EntrySpec spec = readCreatePayload(
      command.fields(),
      {.host_directory = services.files.pathOf(server_id),
       .container_data_path = services.config.container_data_path,
       .pids = std::min(kDefaultPids, services.config.policy.most_pids.value_or(kDefaultPids))});
  applyPolicy(services.config.policy, spec.container);
  if (spec.container.stop_signal)  // else no step names one
    for (const control::StopLadder::Rung& rung : spec.stop_ladder.rungs)
      if (rung.command.empty()) requireAllowedSignal(services.config.policy, rung.signal);
  spec.pull_options = pullOptionsFor(services.config, spec.container.image);
  refuseExisting(services, server_id);
  refuseMoreServers(services, server_id);
  if (spec.start) refuseSuspended(services, server_id);
  const std::int64_t disk_bytes = readLimits(limitsOf(command.fields())).disk_bytes.value_or(0);
  if (auto made = services.files.create(server_id, disk_bytes); !made) return made;
  services.notes.learn(server_id, spec.container.labels);
  services.readiness.learn(server_id, "", spec.container.labels);
  return services.supervisor.create(server_id, std::move(spec), operation_id);
}

control::Result<void> startServer(Services& services, const Command& command,
                                  const std::string& operation_id) {
  refuseSuspended(services, command.server_id);
  refuseRestoring(services, command.server_id);
  return services.supervisor.start(command.server_id, operation_id);
}

control::Result<void> stopServer(Services& services, const Command& command,
                                 const std::string& operation_id) {
  return services.supervisor.stop(command.server_id, stopOptions(services, command), operation_id);
}

control::Result<void> restartServer(Services& services, const Command& command,
                                    const std::string& operation_id) {
  const control::StopOptions options = stopOptions(services, command);
  refuseSuspended(services, command.server_id);
  refuseRestoring(services, command.server_id);
  return services.supervisor.restart(command.server_id, options, operation_id);
}

control::Result<void> killServer(Services& services, const Command& command,
                                 const std::string& operation_id) {
  return services.supervisor.kill(command.server_id, operation_id);
}

void describeDelete(const Command& command, Operation& operation) {
  operation.remove_data = command.fields().boolean("removeData").value_or(false);
}

control::Result<void> deleteServer(Services& services, const Command& command,
                                   const std::string& operation_id) {
  const std::string& server_id = command.server_id;
  refuseRestoring(services, server_id);
  const bool remove_data = services.operations.find(operation_id)->remove_data;
  if (remove_data) beginRemoving(services, server_id);
  control::Result<void> accepted = services.supervisor.remove(server_id, operation_id);
  if (!accepted && remove_data) endRemoving(services, server_id);
  return accepted;
}

control::Result<void> updateServer(Services& services, const Command& command,
                                   const std::string& operation_id) {
  const std::string& server_id = command.server_id;
  control::EntryUpdate update = readUpdatePayload(command.fields());
  applyPolicy(services.config.policy, update);
  const Fields limits = limitsOf(command.fields());
  requireKnown(services, server_id);
  const std::optional<std::int64_t> disk = readLimits(limits).disk_bytes;
  control::Result<void> accepted =
      services.supervisor.update(server_id, std::move(update), operation_id);
  if (accepted && disk) {
    services.notes.setDiskLimit(server_id, *disk);
    services.disk.changed(server_id);
  }
  if (const auto readiness = readReadinessOf(command.fields()); accepted && readiness)
    services.readiness.setRule(server_id, *readiness);
  return accepted;
}

control::Result<void> reinstallServer(Services& services, const Command& command,
                                      const std::string& operation_id) {
  requireKnown(services, command.server_id);
  const control::EntryUpdate asked = readUpdatePayload(command.fields());
  control::EntryUpdate update{.limits = asked.limits, .respec = {}};
  update.respec = [change = asked.respec](
                      control::ContainerSpec current) -> control::Result<control::ContainerSpec> {
    if (change) return change(std::move(current));
    return current;
  };
  applyPolicy(services.config.policy, update);
  return services.supervisor.update(command.server_id, std::move(update), operation_id);
}

}  // namespace agent

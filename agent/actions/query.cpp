#include <libcontrol/call.h>

#include "agent/actions/action.h"
#include "agent/actions/disk.h"

namespace agent {
namespace {

constexpr control::Duration kMeasureTimeout = std::chrono::seconds(5);

/// With statistics when it runs and they can be had in time; without them otherwise.
control::EntryStatus readStatus(Services& services, const Command& command, std::stop_token stop) {
  const std::string& server_id = command.server_id;
  auto status = services.supervisor.status(server_id);
  if (!status) throw requestRefusal(status.error(), server_id, services.paths());
  if (status->state != control::EntryState::kRunning) return *std::move(status);
  control::CallContext context =
      control::CallContext::within(kMeasureTimeout, services.runtime.clock());
  context.cancellation = std::move(stop);
  auto measured = services.supervisor.measure(server_id, context);
  if (measured) return *std::move(measured);
  if (measured.error().code == control::ErrorCode::kNotFound)
    throw Refusal("CONTAINER_NOT_FOUND", "the container of server '" + server_id + "' is gone");
  return *std::move(status);
}

/// Before the engine was reached nobody knows what runs: "no servers" would be made up. Asking for
/// any entry tells the two apart.
void refuseUntilListed(const Services& services) {
  const auto any = services.supervisor.status("");
  if (!any && any.error().code == control::ErrorCode::kUnavailable)
    throw requestRefusal(any.error(), "", services.paths());
}

}  // namespace

Json getStatus(Services& services, const Command& command, std::stop_token stop) {
  const control::EntryStatus status = readStatus(services, command, std::move(stop));
  services.disk.want(command.server_id);
  return encodeStatus(status, services.factsOf(status), services.runtime.clock().wallNow());
}

/// As it is by then: what has happened since it was read has been told, and stands.
void sendStatusEvent(Services& services, const Json& data) {
  services.readiness.tellStatus(*data.findText("serverId"));
}

Json getMetrics(Services& services, const Command& command, std::stop_token stop) {
  const control::EntryStatus status = readStatus(services, command, std::move(stop));
  services.disk.want(command.server_id);
  Json data;
  const ServerFacts facts = services.factsOf(status);
  data.set("serverId", status.name).set("status", shownState(status.state, facts.liveness));
  if (status.state != control::EntryState::kRunning) return data;
  Json resources = encodeResources(status, facts.disk);
  if (!resources.isNull()) data.set("resources", std::move(resources));
  if (facts.liveness.players) data.set("players", encodePlayers(*facts.liveness.players));
  return data;
}

Json listServers(Services& services, const Command&, std::stop_token) {
  const control::WallTime now = services.runtime.clock().wallNow();
  const std::vector<control::EntryStatus> known = services.supervisor.list();
  if (known.empty()) refuseUntilListed(services);
  Json servers = Json::array();
  for (const control::EntryStatus& status : known) {
    ServerFacts facts = services.factsOf(status);
    if (facts.liveness.players) facts.liveness.players->list.reset();  // one message holds them all
    servers.add(encodeStatus(status, facts, now));
  }
  Json data;
  data.set("servers", std::move(servers));
  Json orphans = Json::array();
  for (const control::Orphan& orphan : services.supervisor.orphans()) {
    Json one;
    one.set("containerId", orphan.id.value).set("name", orphan.name).set("image", orphan.image);
    one.set("state", control::toString(orphan.state)).set("reason", orphan.why);
    orphans.add(std::move(one));
  }
  data.set("orphans", std::move(orphans));
  return data;
}

Json getSystemInfo(Services& services, const Command&, std::stop_token stop) {
  control::CallContext context =
      control::CallContext::within(kMeasureTimeout, services.runtime.clock());
  context.cancellation = std::move(stop);
  if (auto info = services.runtime.info(context)) services.engine.set(*std::move(info));
  services.host.readDisk();
  return encodeSystemInfo(services.identity, services.host, services.engine.info());
}

Json getSystemMetrics(Services& services, const Command&, std::stop_token) {
  services.host.readDisk();
  return services.host.metrics();
}

}  // namespace agent

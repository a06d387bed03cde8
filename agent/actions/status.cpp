#include "agent/actions/status.h"

#include <cmath>

#include "agent/panel/message.h"

namespace agent {
namespace {

constexpr double kKiB = 1024;
constexpr double kMiB = 1024 * kKiB;
constexpr double kGiB = 1024 * kMiB;

double rounded(double value, double places) { return std::round(value * places) / places; }

std::optional<std::uint64_t> usedMemory(const control::StatsSample& stats) {
  return stats.memory_working_set_bytes ? stats.memory_working_set_bytes : stats.memory_usage_bytes;
}

Json encodeMemory(const control::StatsSample& stats) {
  Json memory;
  const std::optional<std::uint64_t> used = usedMemory(stats);
  const std::optional<std::uint64_t> limit = stats.memory_limit_bytes;
  if (used) memory.set("used", memoryText(*used)).set("usedBytes", *used);
  if (limit) memory.set("available", memoryText(*limit)).set("limitBytes", *limit);
  if (used && limit && *limit > 0)
    memory.set("percentage",
               rounded(100.0 * static_cast<double>(*used) / static_cast<double>(*limit), 100));
  return memory;
}

Json encodeDisk(const DiskUse& disk) {
  Json json;
  if (!disk.used_bytes) return json;
  const auto used = static_cast<std::uint64_t>(*disk.used_bytes);
  json.set("used", diskText(used)).set("usedBytes", used);
  if (disk.limit_bytes && *disk.limit_bytes > 0)
    json.set(
        "percentage",
        rounded(100.0 * static_cast<double>(used) / static_cast<double>(*disk.limit_bytes), 100));
  return json;
}

void setUnlessNull(Json& object, std::string name, Json value) {
  if (!value.isNull()) object.set(std::move(name), std::move(value));
}

void setExit(Json& data, const control::ExitStatus& exit) {
  data.setIf("exitCode", exit.exit_code);
  if (exit.signal) data.set("signal", exit.signal->name());
  data.setIf("oomKilled", exit.oom_killed);
}

}  // namespace

std::string memoryText(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value < kMiB) return std::to_string(std::llround(value / kKiB)) + 'k';
  return std::to_string(std::llround(value / kMiB)) + 'm';
}

std::string diskText(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value < kGiB) return memoryText(bytes);
  return Json(rounded(value / kGiB, 10)).write() + 'g';
}

Json encodeResources(const control::EntryStatus& status, const DiskUse& disk) {
  Json resources;
  if (status.rates && status.rates->cpu_percent)
    resources.set("cpu", rounded(*status.rates->cpu_percent, 100));
  if (status.stats) {
    const control::StatsSample& stats = *status.stats;
    setUnlessNull(resources, "memory", encodeMemory(stats));
    Json network;
    network.setIf("tx", stats.network_tx_bytes).setIf("rx", stats.network_rx_bytes);
    setUnlessNull(resources, "network", std::move(network));
    setUnlessNull(resources, "disk", encodeDisk(disk));
    Json block;
    block.setIf("read", stats.block_read_bytes).setIf("write", stats.block_write_bytes);
    setUnlessNull(resources, "blockIo", std::move(block));
    resources.setIf("pids", stats.pids);
  }
  return resources;
}

std::string_view shownState(control::EntryState state, const Liveness& liveness) {
  return control::toString(liveness.starting ? control::EntryState::kStarting : state);
}

Json encodePlayers(const Players& players) {
  Json json;
  json.set("online", players.online).setIf("max", players.max);
  if (!players.list) return json;
  Json list = Json::array();
  for (const std::string& name : *players.list) list.add(name);
  json.set("list", std::move(list));
  return json;
}

Json encodeStatus(const control::EntryStatus& status, const ServerFacts& facts,
                  control::WallTime now) {
  const Liveness& liveness = facts.liveness;
  const bool runs = status.state == control::EntryState::kRunning || status.pid;
  Json data;
  data.set("serverId", status.name).set("status", shownState(status.state, liveness));
  if (liveness.ready)
    data.set("reason", "ready");
  else if (status.reason)
    data.set("reason", control::toString(*status.reason));
  if (status.container) data.set("containerId", status.container->value);
  if (!status.image.empty()) data.set("image", status.image);
  if (runs && status.started_at)
    data.set("uptime",
             rounded(std::chrono::duration<double>(now - *status.started_at).count(), 1000));
  if (status.started_at) data.set("startedAt", formatTimestamp(*status.started_at));
  data.set("restarts", status.restarts);
  if (runs) setUnlessNull(data, "resources", encodeResources(status, facts.disk));
  if (liveness.players) data.set("players", encodePlayers(*liveness.players));
  data.setIf("responding", liveness.responding);
  if (!liveness.warning.empty()) data.set("warning", liveness.warning);
  const std::optional<control::ExitStatus> exit = runs ? std::nullopt : status.exit;
  data.set("exitCode", exit && exit->exit_code ? Json(*exit->exit_code) : Json());
  if (exit && exit->signal) data.set("signal", exit->signal->name());
  if (!exit)
    data.set("oomKilled", false);
  else
    data.setIf("oomKilled", exit->oom_killed);
  return data;
}

Json encodeLegacyStats(const control::EntryStatus& status, const ServerFacts& facts,
                       control::WallTime now) {
  const auto& players = facts.liveness.players;
  if (status.state != control::EntryState::kRunning || (!status.stats && !players)) return {};
  Json stats;
  if (status.rates && status.rates->cpu_percent)
    stats.set("cpu", rounded(*status.rates->cpu_percent, 100));
  if (status.stats) {
    stats.setIf("memory", usedMemory(*status.stats)).setIf("disk", facts.disk.used_bytes);
    Json network;
    network.setIf("in", status.stats->network_rx_bytes)
        .setIf("out", status.stats->network_tx_bytes);
    setUnlessNull(stats, "network", std::move(network));
  }
  if (players) stats.set("players", players->online);
  stats.set("timestamp", formatTimestamp(now));
  return stats;
}

std::string transitionStatus(const control::Transition& transition) {
  if (!transition.failed) return std::string(control::toString(transition.current));
  switch (*transition.failed) {
    case control::OperationKind::kCreate:
    case control::OperationKind::kPull:
      return "create_failed";
    case control::OperationKind::kStart:
    case control::OperationKind::kRestart:
      return "start_failed";
    case control::OperationKind::kStop:
    case control::OperationKind::kKill:
      return "stop_failed";
    case control::OperationKind::kRemove:
      return "delete_failed";
    case control::OperationKind::kUpdate:
      return "update_failed";
  }
  return "start_failed";
}

Json encodeTransition(const control::Transition& transition, const TransitionText& text) {
  Json data;
  data.set("serverId", transition.entry)
      .set("previousStatus", control::toString(transition.previous))
      .set("currentStatus", control::toString(transition.current))
      .set("status", transitionStatus(transition));
  if (transition.reason) data.set("reason", control::toString(*transition.reason));
  if (!text.command_id.empty()) data.set("commandId", text.command_id);
  if (transition.container) data.set("containerId", transition.container->value);
  data.setIf("pid", transition.pid);
  if (transition.exit) setExit(data, *transition.exit);
  if (!transition.rung.empty()) data.set("rung", transition.rung);
  if (transition.failed) data.set("error", text.error).set("code", text.code);
  return data;
}

}  // namespace agent

#include "agent/actions/disk.h"

#include <algorithm>

#include "agent/actions/stop_unasked.h"
#include "agent/log.h"
#include "agent/panel/refusal.h"

namespace agent {
namespace {

/// Of a command that waits for a figure. With very many files it does with the last one.
constexpr std::chrono::seconds kMeasurePatience{10};

bool runs(control::EntryState state) {
  return state == control::EntryState::kRunning || state == control::EntryState::kStarting;
}

[[noreturn]] void refuseLimit(std::int64_t limit, std::int64_t taken, const char* by) {
  throw Refusal("DISK_FULL", "the server's limit of " + std::to_string(limit) +
                                 " bytes would be passed: " + std::to_string(taken) + " are taken" +
                                 by + "; delete files, or raise limits.disk");
}

}  // namespace

void requireRoom(Services& services, const std::string& server_id, std::int64_t bytes,
                 std::int64_t to_come) {
  services.reserve.require(services.config.data_dir, bytes + to_come);
  DiskUse use = services.notes.disk(server_id);
  const std::int64_t limit = use.limit_bytes.value_or(0);
  if (limit > 0 && !use.enforced) {
    const auto fits = [&] { return bytes + to_come <= limit - *use.used_bytes; };
    // Files may have gone since it was measured last.
    if ((!use.used_bytes || !fits()) && services.disk.measure(server_id, kMeasurePatience))
      use = services.notes.disk(server_id);
    if (use.used_bytes && !fits()) refuseLimit(limit, *use.used_bytes, "");
  }
  services.notes.addDiskUsed(server_id, bytes);
}

std::int64_t limitRoomOf(Services& services, const std::string& server_id) {
  const std::int64_t limit = services.notes.disk(server_id).limit_bytes.value_or(0);
  if (limit <= 0) return INT64_MAX;
  (void)services.disk.measure(server_id, kMeasurePatience);
  const std::int64_t used = services.notes.disk(server_id).used_bytes.value_or(0);
  return std::max<std::int64_t>(0, limit - used);
}

std::int64_t roomOf(Services& services, const std::string& server_id) {
  const std::int64_t host = services.reserve.room(services.config.data_dir);
  return std::clamp<std::int64_t>(host, 0, limitRoomOf(services, server_id));
}

void requireWithinLimit(Services& services, const std::string& server_id, int directory) {
  const std::int64_t limit = services.notes.disk(server_id).limit_bytes.value_or(0);
  if (limit <= 0 || services.files.quota().used(directory)) return;
  DiskScan scan(directory);
  while (scan.step(10'000)) {
  }
  if (scan.bytes() > limit) refuseLimit(limit, scan.bytes(), " by the backup");
}

bool onDiskExceeded(Services& services, const std::string& server_id, const DiskUse& use,
                    bool is_new) {
  const auto status = services.supervisor.status(server_id);
  if (!status || !runs(status->state)) return false;
  const bool stop = services.config.policy.on_disk_exceeded == Policy::OnDiskExceeded::kStop;
  if (is_new) {
    log::warning("disk", server_id + ": takes " + std::to_string(*use.used_bytes) +
                             " bytes of the disk and may take " + std::to_string(*use.limit_bytes) +
                             (stop ? "; it is stopped" : ""));
    Json data;
    data.set("serverId", server_id).set("usedBytes", *use.used_bytes);
    data.set("limitBytes", *use.limit_bytes).set("action", stop ? "stop" : "event");
    services.out.event("disk_limit_exceeded", std::move(data));
  }
  if (stop) stopUnasked(services, server_id, "disk");
  return true;
}

std::vector<std::string> serversThatRun(const control::Supervisor& supervisor) {
  std::vector<std::string> running;
  for (const control::EntryStatus& server : supervisor.list())
    if (runs(server.state)) running.push_back(server.name);
  return running;
}

}  // namespace agent

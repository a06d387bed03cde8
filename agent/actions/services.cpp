#include "agent/actions/services.h"

#include <algorithm>
#include <charconv>

#include <libcontrol/images.h>

#include "agent/actions/create_payload.h"
#include "agent/disk/disk_watch.h"
#include "agent/files/left_overs.h"
#include "agent/files/patience.h"
#include "agent/files/replacement.h"
#include "agent/log.h"
#include "agent/panel/command.h"
#include "agent/panel/refusal.h"

namespace agent {
namespace {

constexpr std::chrono::hours kRemovalTimeout{24};
/// Of one server: whoever fills what is being removed holds up the others no longer.
constexpr std::chrono::hours kLeftOversTimeout{1};

template <class Number>
std::optional<Number> labelNumber(const std::map<std::string, std::string>& labels,
                                  const char* name) {
  const auto label = labels.find(name);
  if (label == labels.end()) return std::nullopt;
  const std::string& text = label->second;
  Number value{};
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || !(value >= 0))
    return std::nullopt;
  return value;
}

}  // namespace

void ServerNotes::learn(const std::string& server_id,
                        const std::map<std::string, std::string>& labels) {
  const auto seconds = labelNumber<double>(labels, kStopTimeoutLabel);
  const std::lock_guard lock(mutex_);
  Note& note = notes_[server_id];
  note.disk.limit_bytes = labelNumber<std::int64_t>(labels, kDiskLabel);
  note.has_stop_ladder = labels.contains(kStopLadderLabel);
  note.stop_timeout.reset();
  if (seconds && *seconds <= kLongestStopTimeoutSeconds)
    note.stop_timeout = control::Duration(static_cast<std::int64_t>(*seconds * 1e9));
}

void ServerNotes::forget(const std::string& server_id) {
  const std::lock_guard lock(mutex_);
  notes_.erase(server_id);
}

void ServerNotes::setDiskLimit(const std::string& server_id, std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  notes_[server_id].disk.limit_bytes = bytes;
}

std::optional<control::Duration> ServerNotes::stopTimeout(const std::string& server_id) const {
  const std::lock_guard lock(mutex_);
  const auto note = notes_.find(server_id);
  if (note != notes_.end() && note->second.has_stop_ladder) return std::nullopt;
  return note == notes_.end() ? kDefaultStopTimeout
                              : note->second.stop_timeout.value_or(kDefaultStopTimeout);
}

DiskUse ServerNotes::disk(const std::string& server_id) const {
  const std::lock_guard lock(mutex_);
  const auto note = notes_.find(server_id);
  return note == notes_.end() ? DiskUse{} : note->second.disk;
}

bool ServerNotes::knows(const std::string& server_id) const {
  const std::lock_guard lock(mutex_);
  return notes_.contains(server_id);
}

void ServerNotes::beginMeasuring(const std::string& server_id) {
  const std::lock_guard lock(mutex_);
  if (const auto note = notes_.find(server_id); note != notes_.end())
    note->second.disk_grew = false;
}

void ServerNotes::setDiskUsed(const std::string& server_id, std::optional<std::int64_t> bytes,
                              bool enforced) {
  const std::lock_guard lock(mutex_);
  const auto note = notes_.find(server_id);
  if (note == notes_.end()) return;
  DiskUse& disk = note->second.disk;
  if (bytes && note->second.disk_grew) bytes = std::max(*bytes, disk.used_bytes.value_or(0));
  disk.used_bytes = bytes;
  disk.enforced = enforced;
}

void ServerNotes::addDiskUsed(const std::string& server_id, std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto note = notes_.find(server_id);
  if (note == notes_.end() || !note->second.disk.used_bytes) return;
  *note->second.disk.used_bytes += bytes;
  note->second.disk_grew = true;
}

void ServerNotes::markRemoving(const std::string& server_id) {
  const std::lock_guard lock(mutex_);
  removing_.insert(server_id);
}

void ServerNotes::endRemoving(const std::string& server_id) {
  const std::lock_guard lock(mutex_);
  if (const auto mark = removing_.find(server_id); mark != removing_.end()) removing_.erase(mark);
}

bool ServerNotes::isRemoving(const std::string& server_id) const {
  const std::lock_guard lock(mutex_);
  return removing_.contains(server_id);
}

void ServerNotes::markRestoring(const std::string& server_id) {
  const std::lock_guard lock(mutex_);
  restoring_.insert(server_id);
}

void ServerNotes::endRestoring(const std::string& server_id) {
  const std::lock_guard lock(mutex_);
  if (const auto mark = restoring_.find(server_id); mark != restoring_.end())
    restoring_.erase(mark);
}

bool ServerNotes::isRestoring(const std::string& server_id) const {
  const std::lock_guard lock(mutex_);
  return restoring_.contains(server_id);
}

void EngineFacts::set(control::RuntimeInfo info) {
  const std::lock_guard lock(mutex_);
  info_ = std::move(info);
}

void EngineFacts::setReachable(bool reachable, std::string problem) {
  const std::lock_guard lock(mutex_);
  problem_ = reachable ? std::string() : std::move(problem);
}

std::optional<control::RuntimeInfo> EngineFacts::info() const {
  const std::lock_guard lock(mutex_);
  return info_;
}

std::string EngineFacts::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void beginRemoving(Services& services, const std::string& server_id) {
  services.notes.markRemoving(server_id);
  if (const auto marked = services.removing.add(server_id); !marked)
    log::warning("files", "should the agent be killed, files of '" + server_id +
                              "' will stay: " + marked.error().message);
}

void endRemoving(Services& services, const std::string& server_id) {
  services.notes.endRemoving(server_id);
  if (!services.notes.isRemoving(server_id)) services.removing.remove(server_id);
}

void removeFiles(Services& services, const std::string& server_id,
                 std::function<void(const control::Result<void>&)> done) {
  const bool posted =
      services.removals.post([&services, server_id, done](const std::stop_token& stop) {
        services.server_work.cancelAll(server_id);
        const auto removed =
            services.files.remove(server_id, files::Patience(stop, kRemovalTimeout));
        if (stop.stop_requested() && !removed)
          services.notes.endRemoving(server_id);  // the mark stays for the next agent
        else
          endRemoving(services, server_id);
        done(removed);
      });
  if (posted) return;  // else the agent is being shut down
  services.notes.endRemoving(server_id);
  done(
      control::Error{.code = control::ErrorCode::kCancelled,
                     .message = "the server's files are still there; the next agent removes them"});
}

namespace {

void resumeRemovals(Services& services) {
  for (const std::string& server_id : services.removing.all()) {
    if (!isServerId(server_id) || services.notes.isRemoving(server_id)) continue;
    const auto status = services.supervisor.status(server_id);
    if (!status && !status.error().is(control::ErrorCode::kNotFound)) continue;
    if (status) {  // its container was not removed
      services.removing.remove(server_id);
      continue;
    }
    services.notes.markRemoving(server_id);
    removeFiles(services, server_id, [server_id](const control::Result<void>& removed) {
      if (removed) return log::info("files", "what was left of '" + server_id + "' is removed");
      log::warning("files", "what was left of '" + server_id +
                                "' cannot be removed: " + removed.error().message);
    });
  }
}

void removeLeftOvers(Services& services) {
  std::vector<std::string> servers;
  for (const control::EntryStatus& server : services.supervisor.list())
    servers.push_back(server.name);
  (void)services.removals.post([&services, servers](const std::stop_token& stop) {
    const files::Patience patience(stop, kRemovalTimeout);
    for (const std::string& server : servers) try {
        patience.check();
        files::removeLeftOvers(
            {services.config.data_dir, services.files.quota(), services.config.backup_dir}, server,
            patience.atMost(kLeftOversTimeout));
      } catch (const Refusal&) {  // the next agent goes on
        if (stop.stop_requested()) return;
      }
  });
}

}  // namespace

void removeReplaced(Services& services, const std::string& name) {
  // Not posted: the agent is being shut down, and the next one does it.
  (void)services.removals.post([&services, name](const std::stop_token& stop) {
    try {
      files::removeReplaced(services.config.data_dir, services.files.quota(), name,
                            files::Patience(stop, kRemovalTimeout));
    } catch (const Refusal& refusal) {
      if (!stop.stop_requested())
        log::warning("files", "'" + name + "' cannot be removed: " + refusal.message());
    }
  });
}

void clearAway(Services& services) {
  resumeRemovals(services);
  removeLeftOvers(services);
}

void learnWaitingLimit(Services& services, const std::string& server_id) {
  const auto next = services.supervisor.nextSpec(server_id);
  if (!next || !*next) return;
  const auto bytes = labelNumber<std::int64_t>((*next)->labels, kDiskLabel);
  if (!bytes) return;
  services.notes.setDiskLimit(server_id, *bytes);
  services.disk.changed(server_id);
}

namespace {

void learnLabels(Services& services, const control::CallContext& context) {
  control::ListFilter ours;
  ours.labels.emplace(kManagedLabel, "true");
  const auto containers = services.runtime.list(ours, context);
  if (!containers)
    return log::warning("engine",
                        "cannot read the labels of servers: " + containers.error().message);
  for (const control::ContainerSummary& container : *containers) {
    const auto server = container.labels.find(kServerIdLabel);
    if (server == container.labels.end()) continue;
    // Others may share the engine, and what they say of a server of that name is of theirs.
    const auto node = container.labels.find(kNodeLabel);
    if (node != container.labels.end() && node->second != services.config.node_id) continue;
    const auto status = services.supervisor.status(server->second);
    if (status && status->container && status->container != container.id) continue;
    services.notes.learn(server->second, container.labels);
    learnWaitingLimit(services, server->second);
    services.readiness.learn(server->second, container.id.value, container.labels);
  }
}

}  // namespace

void learnFromEngine(Services& services, const control::CallContext& context) {
  learnLabels(services, context);
  if (auto* const store = services.runtime.extension<control::ImageStore>())
    if (const auto images = store->listImages(context)) services.pulled.setBefore(*images);
  // The last: it takes some engines seconds.
  if (auto info = services.runtime.info(context); !info)
    log::warning("engine", "cannot ask the engine who it is: " + info.error().message);
  else
    services.engine.set(*std::move(info));
}

}  // namespace agent

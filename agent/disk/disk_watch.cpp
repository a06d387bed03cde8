#include "agent/disk/disk_watch.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "agent/actions/services.h"
#include "agent/files/beneath.h"
#include "agent/log.h"

namespace agent {
namespace {

constexpr std::size_t kAtOnce = 4;   ///< servers
constexpr std::size_t kSlice = 500;  ///< entries
constexpr DiskWatch::Clock::duration kSoon = std::chrono::milliseconds(500);
/// Of the time, at most one part in so many goes into one server's measuring.
constexpr int kSeldom = 5;
/// Below this much of its limit a server counts as within it again.
constexpr std::int64_t rearmedBelow(std::int64_t limit) { return limit - limit / 20; }

/// Whatever else wants the processor or the disk comes first. Where it is not allowed, the pace
/// alone keeps it from being felt.
void yieldToAll() {
  constexpr int kThread = 1;  // IOPRIO_WHO_PROCESS
  constexpr int kLeastOfBestEffort = (2 << 13) | 7;
  constexpr int kLeastNice = 19;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kLeastNice);
  (void)::syscall(SYS_ioprio_set, kThread, 0, kLeastOfBestEffort);
}

}  // namespace

DiskWatch::DiskWatch(const ServerFiles& files, ServerNotes& notes, Hooks hooks, Options options)
    : files_(files), notes_(notes), hooks_(std::move(hooks)), options_(options) {}

void DiskWatch::start() {
  thread_ = std::thread([this] { run(); });
}

void DiskWatch::close() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  measured_.notify_all();
  if (thread_.joinable()) thread_.join();
}

DiskWatch::Clock::duration DiskWatch::spacing(const Server& server, Clock::duration least) const {
  return std::max(least, kSeldom * server.took);
}

void DiskWatch::want(const std::string& server_id) {
  const Lock lock(mutex_);
  Server& server = servers_[server_id];
  const Clock::time_point due =
      server.last ? *server.last + spacing(server, options_.age) : Clock::now();
  if (server.due && *server.due <= due) return;
  server.due = due;
  woken_.notify_all();
}

void DiskWatch::changed(const std::string& server_id) {
  const Lock lock(mutex_);
  Server& server = servers_[server_id];
  const Clock::time_point due = server.last ? *server.last + spacing(server, kSoon) : Clock::now();
  if (server.due && *server.due <= due) return;
  server.due = due;
  woken_.notify_all();
}

void DiskWatch::replaced(const std::string& server_id) {
  {
    const Lock lock(mutex_);
    servers_[server_id].limit.reset();
  }
  changed(server_id);
}

bool DiskWatch::measure(const std::string& server_id, Clock::duration patience) {
  Lock lock(mutex_);
  Server& server = servers_[server_id];
  // One that has begun may have passed what changed since.
  const std::uint64_t wanted = server.begun + 1;
  server.due = Clock::now();
  server.urgent = true;
  woken_.notify_all();
  const auto is_done = [&] {
    const auto found = servers_.find(server_id);
    return stopping_ || found == servers_.end() || found->second.ended >= wanted;
  };
  if (!measured_.wait_for(lock, patience, is_done) || stopping_) return false;
  return servers_.contains(server_id);
}

void DiskWatch::run() {
  yieldToAll();
  Lock lock(mutex_);
  Clock::time_point next_look = Clock::now();
  while (!stopping_) {
    const Clock::time_point now = Clock::now();
    if (now >= next_look) {
      lookWhoRuns(lock);
      next_look = Clock::now() + options_.look;
      continue;
    }
    if (const auto server_id = nextDue(now, scans_.size() >= kAtOnce)) {
      begin(lock, *server_id);
      continue;
    }
    if (!scans_.empty()) {
      step(lock);
      continue;
    }
    Clock::time_point wake = next_look;
    for (const auto& [id, server] : servers_)
      if (server.due) wake = std::min(wake, *server.due);
    woken_.wait_until(lock, wake);
  }
}

void DiskWatch::lookWhoRuns(Lock& lock) {
  lock.unlock();
  const std::vector<std::string> running = hooks_.running();
  for (const std::string& server_id : running) want(server_id);
  lock.lock();
  std::erase_if(servers_, [this](const auto& entry) {
    return !entry.second.scanning && !entry.second.due && !notes_.knows(entry.first);
  });
}

/// The most urgent, then the one that waits the longest.
std::optional<std::string> DiskWatch::nextDue(Clock::time_point now, bool only_urgent) {
  const std::string* found = nullptr;
  std::pair<bool, Clock::time_point> best{};
  for (const auto& [id, server] : servers_) {
    if (!server.due || *server.due > now || server.scanning || (only_urgent && !server.urgent))
      continue;
    const std::pair<bool, Clock::time_point> rank{!server.urgent, *server.due};
    if (found != nullptr && rank >= best) continue;
    found = &id;
    best = rank;
  }
  return found == nullptr ? std::nullopt : std::optional(*found);
}

void DiskWatch::begin(Lock& lock, const std::string& server_id) {
  {
    Server& server = servers_[server_id];
    server.due.reset();
    server.urgent = false;
    server.scanning = true;
    ++server.begun;
  }
  if (!notes_.knows(server_id)) {
    servers_.erase(server_id);
    measured_.notify_all();
    return;
  }
  const Clock::time_point began = Clock::now();
  notes_.beginMeasuring(server_id);
  lock.unlock();
  const Descriptor directory = files_.open(server_id);
  lock.lock();
  if (directory) applyLimit(lock, server_id, directory.get());
  lock.unlock();
  std::optional<std::int64_t> used;
  std::unique_ptr<DiskScan> scan;
  if (directory) used = files_.quota().used(directory.get());
  try {
    if (directory && !used && files::canOpenBeneath())
      scan = std::make_unique<DiskScan>(directory.get());
  } catch (const Refusal&) {  // it cannot be read: there is no figure
  }
  lock.lock();
  if (scan) {
    scans_.push_back({server_id, std::move(scan), began});
    return;
  }
  if (used) return finish(lock, server_id, *used, Clock::now() - began);
  Server& server = servers_[server_id];
  server.scanning = false;
  server.last = Clock::now();
  server.ended = server.begun;
  notes_.setDiskUsed(server_id, std::nullopt, false);
  measured_.notify_all();
}

/// Once for each value and each directory.
void DiskWatch::applyLimit(Lock& lock, const std::string& server_id, int directory) {
  const std::int64_t wanted = notes_.disk(server_id).limit_bytes.value_or(0);
  Server& server = servers_[server_id];
  if (server.limit == wanted) return;
  lock.unlock();
  const int error = files_.quota().limit(directory, wanted);
  lock.lock();
  if (error != 0 && error != ENOTSUP)
    log::warning("disk", server_id + ": the file system does not take its limit: " +
                             std::generic_category().message(error));
  server.limit = wanted;
  server.enforced = error == 0 && wanted > 0;
}

/// A slice of the scan whose turn it is, and the pause that keeps the pace.
void DiskWatch::step(Lock& lock) {
  Scan scan = std::move(scans_.front());
  scans_.pop_front();
  lock.unlock();
  const Clock::time_point began = Clock::now();
  const std::size_t before = scan.scan->entries();
  const bool goes_on = scan.scan->step(kSlice);
  const std::size_t counted = scan.scan->entries() - before;
  lock.lock();
  if (!goes_on) {
    const std::string server_id = scan.server_id;
    const std::int64_t bytes = scan.scan->bytes();
    const Clock::duration took = Clock::now() - scan.began;
    scan.scan.reset();
    finish(lock, server_id, bytes, took);
  } else {
    scans_.push_back(std::move(scan));
  }
  const auto pace = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
      static_cast<double>(counted) / static_cast<double>(options_.entries_per_second)));
  woken_.wait_until(lock, began + pace, [this] { return stopping_; });
}

void DiskWatch::finish(Lock& lock, const std::string& server_id, std::int64_t bytes,
                       Clock::duration took) {
  Server& server = servers_[server_id];  // it stays while it is being scanned
  notes_.setDiskUsed(server_id, bytes, server.enforced);
  const DiskUse use{.used_bytes = bytes,
                    .limit_bytes = notes_.disk(server_id).limit_bytes,
                    .enforced = server.enforced};
  const std::int64_t limit = use.limit_bytes.value_or(0);
  if (limit <= 0 || bytes < rearmedBelow(limit)) server.exceeded = false;
  if (limit > 0 && bytes > limit) {
    const bool is_new = !server.exceeded;
    lock.unlock();
    const bool told = hooks_.exceeded(server_id, use, is_new);
    lock.lock();
    if (told) server.exceeded = true;
  }
  server.scanning = false;
  server.last = Clock::now();
  server.took = took;
  server.ended = server.begun;
  measured_.notify_all();
}

}  // namespace agent

#include "engine/memory.h"

#include <algorithm>
#include <utility>

namespace control::engine {
namespace {

constexpr std::size_t kMost = 1024;

}  // namespace

Memory::Seen& Memory::place(const std::string& id) {
  if (seen_.size() >= kMost && !seen_.contains(id))
    seen_.erase(std::min_element(
        seen_.begin(), seen_.end(),
        [](const auto& one, const auto& other) { return one.second.order < other.second.order; }));
  Seen& seen = seen_[id];
  seen.order = ++next_order_;
  return seen;
}

void Memory::startFailed(const std::string& id, std::string words) {
  const std::lock_guard lock(mutex_);
  place(id).start_error = std::move(words);
}

void Memory::started(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = seen_.find(id); found != seen_.end()) found->second.start_error.clear();
}

void Memory::oomSeen(const RunId& run, bool killed) {
  const std::lock_guard lock(mutex_);
  Seen& seen = place(run.container.value);
  seen.run_started_at = run.started_at;
  seen.oom_killed = killed;
}

void Memory::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  seen_.erase(id);
}

void Memory::complete(ContainerInfo& info) {
  const std::lock_guard lock(mutex_);
  const auto found = seen_.find(info.id.value);
  if (found == seen_.end()) return;
  if (info.error.empty() && !info.running()) info.error = found->second.start_error;
  if (!info.exit || info.exit->run.started_at != found->second.run_started_at) return;
  // What the kernel told of a kill the engine may hear of later, or never.
  const bool killed = found->second.oom_killed;
  if (!info.oom_killed || killed) info.oom_killed = killed;
  if (!info.exit->oom_killed || killed) info.exit->oom_killed = killed;
}

}  // namespace control::engine

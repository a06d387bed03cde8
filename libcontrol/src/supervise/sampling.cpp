#include "supervise/core.h"

namespace control {
namespace {

/// How old statistics may be that measure() answers with.
constexpr Duration kFreshEnough = std::chrono::seconds(1);
constexpr Duration kSweepTimeout = std::chrono::seconds(10);

}  // namespace

void Supervisor::Core::keepSampling() {
  timers_.after(options_.stats_interval, [this] {
    executor_.submit([this] {
      if (stopping_.stop_requested()) return;
      if (reachable_) sampleAll();
      keepSampling();
    });
  });
}

void Supervisor::Core::sampleAll() {
  std::vector<EntryPtr> entries;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : entries_) entries.push_back(entry);
  }
  const std::vector<EntryStatus> measured = sample(entries);
  if (!measured.empty()) observer_.onStats(measured);
}

/// Of those that run.
std::vector<EntryStatus> Supervisor::Core::sample(const std::vector<EntryPtr>& all) {
  std::vector<EntryPtr> entries;
  std::vector<ContainerId> ids;
  for (const EntryPtr& entry : all) {
    const std::lock_guard lock(entry->mutex);
    if (!entry->run || entry->state == EntryState::kUnknown) continue;
    entries.push_back(entry);
    ids.push_back(entry->run->container);
  }
  if (ids.empty()) return {};
  const auto samples = runtime_->stats(ids, callContext().capped(kSweepTimeout, clock()));
  std::vector<EntryStatus> measured;
  for (std::size_t i = 0; i < samples.size() && i < entries.size(); ++i) {
    if (!samples[i]) continue;
    const std::lock_guard lock(entries[i]->mutex);
    entries[i]->addSample(*samples[i]);
    if (entries[i]->sample) measured.push_back(entries[i]->status());
  }
  return measured;
}

Result<EntryStatus> Supervisor::Core::measure(const std::string& name, const CallContext& context) {
  const auto entry = find(name);
  if (!entry) return entry.error();
  std::optional<ContainerId> stale;
  {
    const std::lock_guard lock((*entry)->mutex);
    const auto& sample = (*entry)->sample;
    // The second sample is what rates need: it is not waited for longer than they need it.
    const Duration fresh = (*entry)->rates ? kFreshEnough : kMinimumRateInterval;
    if ((*entry)->run && (!sample || clock().now() - sample->taken_at >= fresh))
      stale = (*entry)->run->container;
  }
  if (stale && reachable_) {
    const auto samples = runtime_->stats({&*stale, 1}, context);
    const std::lock_guard lock((*entry)->mutex);
    if (!samples.empty() && samples.front()) (*entry)->addSample(*samples.front());
  }
  const std::lock_guard lock((*entry)->mutex);
  return (*entry)->status();
}

/// A first sample at once, so that rates are known soon after a start. Those of many that are found
/// together are taken together.
void Supervisor::Core::primeStats(const EntryPtr& entry) {
  {
    const std::lock_guard lock(mutex_);
    unprimed_.push_back(entry);
    if (std::exchange(priming_, true)) return;
  }
  executor_.submit([this] {
    for (;;) {
      std::vector<EntryPtr> entries;
      {
        const std::lock_guard lock(mutex_);
        priming_ = !unprimed_.empty() && !stopping_.stop_requested();
        if (!priming_) return;
        entries.swap(unprimed_);
      }
      (void)sample(entries);
    }
  });
}

}  // namespace control

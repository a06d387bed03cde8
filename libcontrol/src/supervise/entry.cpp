#include "supervise/entry.h"

#include <algorithm>

namespace control {
namespace {

/// An engine that shuts down ends its containers first and goes when the slowest has ended. Ends as
/// by a signal within so long before it is lost may be its doing; of others those just before.
constexpr Duration kShutdown = std::chrono::seconds(60);
constexpr Duration kJustBefore = std::chrono::seconds(5);

}  // namespace

EntryStatus Entry::status() const {
  EntryStatus status;
  status.name = name;
  status.state = state;
  status.reason = reason;
  status.container = container;
  status.image = image;
  status.pid = pid;
  if (run) status.started_at = run->started_at;
  status.exit = exit;
  status.restarts = restarts;
  status.stats = sample;
  status.rates = rates;
  return status;
}

bool Entry::isLost() const {
  const auto loses = [](const std::shared_ptr<Job>& job) {
    return job && job->type == Job::Type::kEngineLost;
  };
  return in_doubt || state == EntryState::kUnknown || loses(active) ||
         std::any_of(queue.begin(), queue.end(), loses);
}

void Entry::doubt(TimePoint now) {
  in_doubt = true;
  if (unasked_end && now - unasked_end->at > (unasked_end->from_outside ? kShutdown : kJustBefore))
    unasked_end.reset();
}

bool Entry::shows(const News& told) const {
  switch (told.type) {
    case EventType::kCreated:
      return container == told.container;
    case EventType::kStarted:
      return run && run->container == told.container;
    case EventType::kExited:
      // An exit that is watched for is told by the watch.
      return !run || run->container != told.container || watch;
    case EventType::kRemoved:
      return container != told.container;
    default:
      return true;
  }
}

void Entry::addSample(const StatsSample& taken) {
  if (!run || taken.run != *run) return;
  if (sample && taken.taken_at < sample->taken_at) return;
  sample = taken;
  if (!rate_base) {
    rate_base = taken;
    return;
  }
  if (taken.taken_at - rate_base->taken_at < kMinimumRateInterval) return;
  rates = ratesBetween(*rate_base, taken);
  rate_base = taken;
}

void Entry::forgetStats() {
  sample.reset();
  rate_base.reset();
  rates.reset();
}

}  // namespace control

#include "supervise/entry.h"

#include <algorithm>

namespace control {

EntryStatus Entry::status() const {
  EntryStatus status;
  status.name = name;
  status.state = state;
  status.reason = reason;
  status.container = container;
  status.image = image;
  status.pid = pid;
  const auto latest = run ? run : exit ? std::optional(exit->run) : std::nullopt;
  if (latest && latest->started_at != WallTime{}) status.started_at = latest->started_at;
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

bool Entry::mayBeTakenBack(TimePoint now) const {
  if (!unasked_end) return false;
  return in_doubt || now - unasked_end->at < (unasked_end->from_outside ? kShutdown : kJustBefore);
}

void Entry::doubt(TimePoint now) {
  if (!mayBeTakenBack(now)) unasked_end.reset();
  in_doubt = true;
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
    case EventType::kGap:  // a list that shows something else
      return false;
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

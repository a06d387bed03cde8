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
  return state == EntryState::kUnknown || loses(active) ||
         std::any_of(queue.begin(), queue.end(), loses);
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

#include "mock/mock_timers.h"

namespace control::mock {

// By its type and not by a flag of the endpoint: only a FakeClock lets others know when it moves.
Timers::Timers(std::shared_ptr<Clock> clock)
    : clock_(std::move(clock)), fake_(dynamic_cast<testing::FakeClock*>(clock_.get())) {}

void Timers::stop() {
  std::map<Id, Pending> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    order_.clear();
    dropped.swap(pending_);
    for (const auto& [id, pending] : dropped)
      if (fake_ != nullptr) fake_->unschedule(pending.scheduled);
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

Timers::Id Timers::at(TimePoint moment, std::function<void()> function) {
  if (stopping_) return 0;
  const Id id = ++last_;
  Pending pending{.moment = moment, .function = std::move(function)};
  if (fake_ != nullptr) {
    pending.scheduled = fake_->schedule(moment, [weak = weak_from_this(), id] {
      if (const auto self = weak.lock()) {
        const std::lock_guard lock(self->mutex_);
        self->fire(id);
      }
    });
  } else {
    order_.emplace(std::pair(moment, id), id);
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    changed_.notify_all();
  }
  pending_.emplace(id, std::move(pending));
  return id;
}

void Timers::cancel(Id id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  if (fake_ != nullptr)
    fake_->unschedule(found->second.scheduled);
  else
    order_.erase({found->second.moment, id});
  pending_.erase(found);
}

void Timers::fire(Id id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  const auto function = std::move(found->second.function);
  pending_.erase(found);
  function();
}

void Timers::work() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const TimePoint next = order_.empty() ? TimePoint::max() : order_.begin()->first.first;
    if (next > clock_->now()) {
      clock_->waitUntil(lock, changed_, next);
      continue;
    }
    const Id id = order_.begin()->second;
    order_.erase(order_.begin());
    fire(id);
  }
}

}  // namespace control::mock

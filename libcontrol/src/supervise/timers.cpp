#include "supervise/timers.h"

namespace control {

Timers::Timers(std::shared_ptr<Clock> clock)
    : clock_(std::move(clock)), thread_([this] { run(); }) {}

void Timers::after(Duration delay, std::function<void()> function) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  pending_.emplace(CallContext::after(clock_->now(), delay), std::move(function));
  changed_.notify_all();
}

void Timers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    pending_.clear();
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool Timers::turns() {
  const bool turned = pulse_.ask();
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
  return turned;
}

void Timers::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    pulse_.turned();
    const TimePoint next = pending_.empty() ? TimePoint::max() : pending_.begin()->first;
    if (next > clock_->now()) {
      clock_->waitUntil(lock, changed_, next);
      continue;
    }
    auto due = pending_.extract(pending_.begin());
    lock.unlock();
    due.mapped()();
    lock.lock();
  }
}

}  // namespace control

#include "engine/turns.h"

#include "engine/wakeup.h"

namespace control::engine {

Result<void> Turns::take(const CallContext& context) {
  const std::stop_callback wake(context.cancellation, [this] {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  while (taken_) {
    if (context.cancellation.stop_requested()) return cancelledError();
    if (context.deadline != TimePoint::max() && clock_->now() >= context.deadline)
      return deadlineError();
    clock_->waitUntil(lock, changed_, context.deadline);
  }
  taken_ = true;
  return {};
}

void Turns::give() {
  const std::lock_guard lock(mutex_);
  taken_ = false;
  changed_.notify_all();
}

}  // namespace control::engine

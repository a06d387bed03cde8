#include <libcontrol/call.h>

namespace control {
namespace {

class SystemClock final : public Clock {
 public:
  TimePoint now() const noexcept override { return std::chrono::steady_clock::now(); }
  WallTime wallNow() const noexcept override { return std::chrono::system_clock::now(); }

  bool waitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                 TimePoint deadline) override {
    if (deadline == TimePoint::max()) {
      condition.wait(lock);
      return true;
    }
    return condition.wait_until(lock, deadline) == std::cv_status::no_timeout;
  }
};

}  // namespace

std::shared_ptr<Clock> systemClock() {
  static const std::shared_ptr<Clock> clock = std::make_shared<SystemClock>();
  return clock;
}

}  // namespace control

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include <libcontrol/call.h>
#include <libcontrol/testing/fake_clock.h>

namespace control::mock {

/// What is to happen at a moment of the engine's clock. On a FakeClock it happens on the thread
/// that moves the clock; on any other clock, on one thread that is started when it is first needed.
///
/// It owns the engine's mutex, which has to outlive whatever is about to run. Functions run with it
/// held; at() and cancel() are called with it held.
class Timers : public std::enable_shared_from_this<Timers> {
 public:
  using Id = std::uint64_t;

  explicit Timers(std::shared_ptr<Clock> clock);
  /// Nothing runs any more once it returns. Called without the mutex.
  void stop();

  std::mutex& mutex() noexcept { return mutex_; }

  Id at(TimePoint moment, std::function<void()> function);
  /// 0 and the ids of what has run are ignored.
  void cancel(Id id);

  testing::FakeClock* fakeClock() const noexcept { return fake_; }
  TimePoint now() const noexcept { return clock_->now(); }
  /// With the mutex held.
  bool hasThread() const noexcept { return thread_.joinable(); }

 private:
  struct Pending {
    TimePoint moment;
    testing::FakeClock::TimerId scheduled = 0;
    std::function<void()> function;
  };

  void fire(Id id);
  void work();

  const std::shared_ptr<Clock> clock_;
  testing::FakeClock* const fake_;  // clock_, when it is one
  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<Id, Pending> pending_;
  std::map<std::pair<TimePoint, Id>, Id> order_;  // real clock only
  Id last_ = 0;
  bool stopping_ = false;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace control::mock

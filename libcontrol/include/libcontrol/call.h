#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>

namespace control {

using Duration = std::chrono::nanoseconds;
/// A moment on a Clock's monotonic scale; never compared with wall-clock time.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
/// A moment in UTC.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// The time that the core and the mock engine live by. Production uses systemClock();
/// tests use a clock that they move by hand.
///
/// Threads:  any method may run on any thread.
/// Blocking: waitUntil only.
/// Errors:   none.
class Clock {
 public:
  virtual ~Clock() = default;

  virtual TimePoint now() const noexcept = 0;
  virtual WallTime wallNow() const noexcept = 0;

  /// Waits until `condition` is notified or now() reaches `deadline` (TimePoint::max(): no
  /// deadline). Returns false once the deadline has been reached. May return true without a
  /// notification. `lock` is held on entry and on return.
  virtual bool waitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                         TimePoint deadline) = 0;
};

/// The machine's own clocks (CLOCK_MONOTONIC, CLOCK_REALTIME).
std::shared_ptr<Clock> systemClock();

/// How long a call may take and who may abandon it. Passed to every call that can block; whoever
/// implements one looks at both before it does anything, and wakes up on cancellation by a
/// std::stop_callback rather than by looking every now and then.
struct CallContext {
  /// On the clock that the runtime was created with. A deadline in the past makes the call fail
  /// with kDeadlineExceeded, except where what it asks for is there already.
  TimePoint deadline = TimePoint::max();
  /// Cancelling abandons the waiting and sends nothing to the engine.
  std::stop_token cancellation{};

  /// A context that ends `timeout` from now, on `clock`. The default is right only for a runtime
  /// that was given no clock and has none of its own: for any other, as the mock engine on a
  /// virtual clock, pass runtime.clock(), which is right for all.
  static CallContext within(Duration timeout, const Clock& clock = *systemClock()) {
    return {.deadline = after(clock.now(), timeout)};
  }

  /// The same cancellation with a deadline that is at most `timeout` from now.
  CallContext capped(Duration timeout, const Clock& clock) const {
    const TimePoint cap = after(clock.now(), timeout);
    return {.deadline = deadline < cap ? deadline : cap, .cancellation = cancellation};
  }

  /// `start + timeout`, TimePoint::max() where that would overflow.
  static TimePoint after(TimePoint start, Duration timeout) {
    if (timeout > TimePoint::max() - start) return TimePoint::max();
    return start + timeout;
  }
};

}  // namespace control

#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/testing/other_threads.h>

namespace control::testing {

/// A clock that stands still until a test moves it. Time moves in steps: to the earliest timer or
/// deadline that lies in the way, then to the next one; what is due at one moment runs in the order
/// in which it was scheduled, on the thread that moves the clock.
///
/// Auto-advance is for tests that only want speed: a thread that waits lets time jump to the
/// earliest timer or deadline instead, on that same thread, so that one thread alone can live
/// through hours. Time then runs ahead of threads that are still at work; with several threads,
/// move the clock by hand.
///
/// Threads:  any method may run on any thread. Moves are made one after the other.
/// Blocking: waitUntil, awaitWaiters. advance() waits for the timers it runs, not for the threads
///           that it wakes.
/// Errors:   none. Whoever moves the clock holds no mutex that is used with waitUntil: the move
///           would never return. A timer that waits on the clock or moves it would not either; it
///           gets a std::logic_error instead. A thread that waits while nobody moves the clock
///           waits for ever, and after 10 s of real time says so on the standard error stream.
class FakeClock : public Clock {
 public:
  using TimerId = std::uint64_t;

  /// Begins well after zero, so that TimePoint{} is in the past as on a real clock.
  explicit FakeClock(bool auto_advance = false) : auto_advance_(auto_advance) {}

  TimePoint now() const noexcept override { return TimePoint(Duration(now_.load())); }

  /// 2026-01-01T00:00:00Z when the clock was made, and in step with now().
  WallTime wallNow() const noexcept override {
    constexpr auto kStart = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);
    return WallTime(kStart.time_since_epoch()) + (now() - startTime());
  }

  bool waitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                 TimePoint deadline) override {
    if (now() >= deadline) return false;
    refuseTimer("waits on");
    if (auto_advance_.load()) return letTimeJump(lock, condition, deadline);
    return sleepUntilWoken(lock, condition, deadline);
  }

  void advance(Duration by) {
    const Move move(*this);
    moveTo(CallContext::after(now(), by));
  }

  /// A moment in the past changes nothing.
  void advanceTo(TimePoint moment) {
    const Move move(*this);
    moveTo(moment);
  }

  /// Moves on by one step after the other until `holds()`, and before each waits until the other
  /// threads of the process do (awaitOtherThreads): for programs whose own threads have work to do
  /// between two timers. False when it does not hold once `at_most` has gone by.
  bool advanceUntil(const std::function<bool()>& holds,
                    Duration step = std::chrono::milliseconds(100),
                    Duration at_most = std::chrono::minutes(10)) {
    const TimePoint end = CallContext::after(now(), at_most);
    for (;;) {
      awaitOtherThreads();
      if (holds()) return true;
      if (now() >= end) return false;
      advance(step);
    }
  }

  void setAutoAdvance(bool on) {
    const Move move(*this);
    auto_advance_.store(on);
    // Whoever waits comes round again and sees the new mode.
    wake([](const Waiter&) { return true; });
  }

  /// Calls `run` once, when the clock is moved to `at` or beyond; a moment that has come already
  /// waits for the next move.
  TimerId schedule(TimePoint at, std::function<void()> run) {
    const std::lock_guard lock(mutex_);
    const TimerId id = ++last_timer_;
    timers_.emplace(std::pair(at, id), std::move(run));
    moments_.emplace(id, at);
    return id;
  }

  /// One that runs at this very moment on another thread is not waited for.
  void unschedule(TimerId id) {
    const std::lock_guard lock(mutex_);
    const auto found = moments_.find(id);
    if (found == moments_.end()) return;
    timers_.erase({found->second, id});
    moments_.erase(found);
  }

  /// The earliest timer or deadline still to come.
  std::optional<TimePoint> nextPending() const {
    const std::lock_guard lock(mutex_);
    return earliest();
  }

  /// Waits until at least `count` threads wait on this clock. False: after `patience` of real time
  /// they still do not.
  bool awaitWaiters(std::size_t count, Duration patience = std::chrono::minutes(1)) {
    std::unique_lock lock(mutex_);
    return waiters_changed_.wait_for(lock, patience, [&] { return waiters_.size() >= count; });
  }

  static constexpr TimePoint startTime() { return TimePoint(std::chrono::hours(1000)); }

 private:
  struct Waiter {
    std::mutex* mutex;
    std::condition_variable* condition;
    TimePoint deadline;
    int pins = 0;        // whoever is about to notify it
    bool asleep = true;  // false: it drives the clock itself, or leaves
    bool notified = false;
  };
  using Waiting = std::list<Waiter>::iterator;

  /// One move, and who makes it.
  class Move {
   public:
    explicit Move(FakeClock& clock) : clock_(clock) {
      clock.refuseTimer("moves");
      clock.moving_.lock();
      clock.mover_.store(std::this_thread::get_id());
    }
    ~Move() {
      clock_.mover_.store({});
      clock_.moving_.unlock();
    }
    Move(const Move&) = delete;
    Move& operator=(const Move&) = delete;

   private:
    FakeClock& clock_;
  };

  /// A thread that moves the clock comes here again only from one of the timers that it runs.
  void refuseTimer(const char* what) const {
    if (mover_.load() == std::this_thread::get_id())
      throw std::logic_error(std::string("a timer of a FakeClock ") + what + " the clock");
  }

  Waiting enter(std::mutex* mutex, std::condition_variable* condition, TimePoint deadline,
                bool asleep) {
    const std::lock_guard lock(mutex_);
    waiters_.push_back({mutex, condition, deadline, 0, asleep, false});
    waiters_changed_.notify_all();
    return std::prev(waiters_.end());
  }

  bool sleepUntilWoken(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                       TimePoint deadline) {
    const Waiting self = enter(lock.mutex(), &condition, deadline, true);
    // A move between the check and the entry did not see us. One from here on does, and cannot
    // notify before we wait: it needs the mutex that we hold.
    if (now() < deadline) waitForMove(lock, condition, deadline);
    leave(self, lock);
    return now() < deadline;
  }

  void waitForMove(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                   TimePoint deadline) {
    const std::uint64_t moves = moves_.load();
    const auto woken = condition.wait_for(lock, std::chrono::seconds(10));
    const bool forgotten = woken == std::cv_status::timeout && moves == moves_.load() &&
                           deadline != TimePoint::max() && !said_.exchange(true);
    if (forgotten)
      std::fprintf(
          stderr,
          "FakeClock: a thread waits for %.3f s to pass, and in the last 10 s nobody moved "
          "the clock: use advance() on another thread, or setAutoAdvance(true) first\n",
          std::chrono::duration<double>(deadline - now()).count());
  }

  /// Nobody may touch the caller's mutex and condition once we are back.
  void leave(Waiting self, std::unique_lock<std::mutex>& lock) {
    std::unique_lock guard(mutex_);
    self->asleep = false;
    const bool pinned = self->pins > 0;
    if (pinned) {
      lock.unlock();
      unpinned_.wait(guard, [&] { return self->pins == 0; });
    }
    waiters_.erase(self);
    guard.unlock();
    if (pinned) lock.lock();
  }

  bool letTimeJump(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                   TimePoint deadline) {
    const Waiting self = enter(lock.mutex(), &condition, deadline, false);
    std::optional<TimePoint> next;
    {
      const std::lock_guard guard(mutex_);
      next = earliest();
    }
    if (next) {
      lock.unlock();
      {
        const Move move(*this);
        moveTo(*next);
      }
      lock.lock();
    } else {
      // Nothing to jump to yet. Another thread may schedule something without a word to us.
      condition.wait_for(lock, std::chrono::milliseconds(1));
    }
    leave(self, lock);
    return now() < deadline;
  }

  /// mutex_ is held.
  std::optional<TimePoint> earliest() const {
    std::optional<TimePoint> first;
    if (!timers_.empty()) first = std::max(timers_.begin()->first.first, now());
    for (const Waiter& waiter : waiters_) {
      if (waiter.deadline == TimePoint::max() || waiter.deadline <= now()) continue;
      if (!first || waiter.deadline < *first) first = waiter.deadline;
    }
    return first;
  }

  /// Within a Move.
  void moveTo(TimePoint target) {
    ++moves_;
    while (auto run = takeTimerUntil(target)) {
      wakeReached();
      (*run)();
    }
    if (target > now()) now_.store(target.time_since_epoch().count());
    wakeReached();
  }

  /// Moves to the earliest timer that is not after `target` and takes it.
  std::optional<std::function<void()>> takeTimerUntil(TimePoint target) {
    const std::lock_guard lock(mutex_);
    if (timers_.empty() || timers_.begin()->first.first > std::max(target, now()))
      return std::nullopt;
    auto timer = timers_.extract(timers_.begin());
    moments_.erase(timer.key().second);
    if (timer.key().first > now()) now_.store(timer.key().first.time_since_epoch().count());
    return std::move(timer.mapped());
  }

  void wakeReached() {
    wake([this](const Waiter& waiter) { return waiter.deadline <= now(); });
  }

  template <class Wanted>
  void wake(Wanted wanted) {
    std::vector<Waiter*> chosen;
    {
      const std::lock_guard lock(mutex_);
      for (Waiter& waiter : waiters_) {
        if (!waiter.asleep || waiter.notified || !wanted(waiter)) continue;
        waiter.notified = true;
        ++waiter.pins;
        chosen.push_back(&waiter);
      }
    }
    for (Waiter* waiter : chosen) {
      {
        const std::lock_guard lock(*waiter->mutex);
        waiter->condition->notify_all();
      }
      const std::lock_guard lock(mutex_);
      --waiter->pins;
      unpinned_.notify_all();
    }
  }

  std::atomic<std::int64_t> now_{startTime().time_since_epoch().count()};
  std::atomic<bool> auto_advance_;
  std::atomic<std::uint64_t> moves_{0};
  std::atomic<bool> said_{false};  // that nobody moves it
  std::atomic<std::thread::id> mover_{};
  std::mutex moving_;         // taken before any other
  mutable std::mutex mutex_;  // taken last
  std::list<Waiter> waiters_;
  std::condition_variable waiters_changed_;
  std::condition_variable unpinned_;
  std::map<std::pair<TimePoint, TimerId>, std::function<void()>> timers_;
  std::map<TimerId, TimePoint> moments_;
  TimerId last_timer_ = 0;
};

}  // namespace control::testing

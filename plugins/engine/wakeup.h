#pragma once

#include <atomic>
#include <optional>
#include <stop_token>

#include <libcontrol/call.h>
#include <libcontrol/result.h>

namespace control::engine {

/// An event descriptor that wakes one waiting thread from any other, and remembers for ever that
/// its owner was cancelled.
///
/// Threads: any method on any thread.
class Wakeup {
 public:
  Wakeup() noexcept;
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /// False: the process has no descriptor left.
  bool valid() const noexcept { return fd_ >= 0; }
  int fd() const noexcept { return fd_; }

  /// Makes the descriptor readable until clear().
  void signal() noexcept;
  /// Makes it unreadable again, unless cancelled.
  void clear() noexcept;

  void cancel() noexcept;
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_acquire); }

 private:
  const int fd_;
  std::atomic<bool> cancelled_{false};
};

/// One blocking call on something that a Wakeup belongs to: while it lives, the cancellation of
/// `context` signals `wakeup`.
class WaitScope {
 public:
  WaitScope(Wakeup& wakeup, const CallContext& context, Clock& clock);
  ~WaitScope();
  WaitScope(const WaitScope&) = delete;
  WaitScope& operator=(const WaitScope&) = delete;

  /// Waits until `fd` has one of `events` (poll's). kCancelled, kDeadlineExceeded.
  Result<void> wait(int fd, short events);

  /// kCancelled or kDeadlineExceeded when the call must end now.
  Result<void> check() const;
  /// The same before each reading but the first: what is there already is taken even with a
  /// deadline in the past, and from a peer that never pauses no more than that.
  Result<void> checkReading();

  TimePoint deadline() const noexcept { return context_.deadline; }
  Clock& clock() const noexcept { return clock_; }
  Wakeup& wakeup() const noexcept { return wakeup_; }

  /// Milliseconds until the deadline for poll(): -1 for ever, at most `cap` when it is not
  /// negative.
  int pollTimeout(int cap = -1) const;

 private:
  struct Signal {
    Wakeup* wakeup;
    void operator()() const noexcept { wakeup->signal(); }
  };

  Wakeup& wakeup_;
  const CallContext& context_;
  Clock& clock_;
  bool has_read_ = false;
  std::optional<std::stop_callback<Signal>> callback_{};
};

Error cancelledError();
Error deadlineError();

}  // namespace control::engine

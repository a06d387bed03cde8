#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include <libcontrol/call.h>
#include <libcontrol/result.h>

namespace control::engine {

/// A lock that is held across I/O, so that waiting for it ends with the call's deadline or
/// cancellation.
///
/// Threads: any method on any thread.
class Turns {
 public:
  explicit Turns(std::shared_ptr<Clock> clock) : clock_(std::move(clock)) {}

  Result<void> take(const CallContext& context);
  void give();

 private:
  const std::shared_ptr<Clock> clock_;
  std::mutex mutex_;
  std::condition_variable changed_{};
  bool taken_ = false;  ///< guarded by mutex_
};

/// Gives a turn back that was taken.
class TurnHolder {
 public:
  explicit TurnHolder(Turns& turns) noexcept : turns_(turns) {}
  ~TurnHolder() { turns_.give(); }
  TurnHolder(const TurnHolder&) = delete;
  TurnHolder& operator=(const TurnHolder&) = delete;

 private:
  Turns& turns_;
};

}  // namespace control::engine

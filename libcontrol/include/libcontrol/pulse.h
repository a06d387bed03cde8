#pragma once

#include <atomic>

namespace control {

/// A loop's proof that it turns: it says so each time round, and whoever watches asks now and then,
/// as Supervisor::turns() does of the supervisor's own.
///
/// Threads: any. Blocking: none.
class Pulse {
 public:
  void turned() noexcept { asked_ = false; }

  /// Whether the loop turned since the last call; true the first time. The caller wakes the loop
  /// after it.
  bool ask() noexcept { return !asked_.exchange(true); }

 private:
  std::atomic<bool> asked_{false};
};

}  // namespace control

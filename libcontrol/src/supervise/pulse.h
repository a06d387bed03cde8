#pragma once

#include <atomic>

namespace control {

/// Whether a thread's loop turns, for whoever watches it. Threads: any.
class Pulse {
 public:
  /// By the loop, each time round.
  void turned() noexcept { asked_ = false; }

  /// Whether the loop turned since the last call; true the first time. The caller wakes the loop
  /// after it.
  bool ask() noexcept { return !asked_.exchange(true); }

 private:
  std::atomic<bool> asked_{false};
};

}  // namespace control

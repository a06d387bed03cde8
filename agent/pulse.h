#pragma once

#include <atomic>

namespace agent {

/// A loop's proof that it turns: it says so each time, and whoever watches asks now and then.
/// Threads: any.
class Pulse {
 public:
  void turned() noexcept { asked_ = false; }

  /// Whether the loop turned since the last call; true the first time. The caller wakes the loop
  /// after it.
  bool ask() noexcept { return !asked_.exchange(true); }

 private:
  std::atomic<bool> asked_{false};
};

}  // namespace agent

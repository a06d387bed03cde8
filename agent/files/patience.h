#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "agent/panel/refusal.h"

namespace agent::files {

/// How long an operation may go on: until it is told to stop, and no longer than its time.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  Patience() = default;
  Patience(std::stop_token stop, Clock::duration most)
      : stop_(std::move(stop)), deadline_(Clock::now() + most) {}

  /// The same, for a part of the work that may take no longer than `most`.
  Patience atMost(Clock::duration most) const {
    Patience part(stop_, most);
    part.deadline_ = std::min(part.deadline_, deadline_);
    return part;
  }

  bool stopped() const noexcept { return stop_.stop_requested(); }
  bool late() const noexcept { return Clock::now() >= deadline_; }
  /// Returns early when it is told to stop.
  void wait(Clock::duration time) const {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop_, time, [] { return false; });
  }
  /// INVALID_STATE: stopped. TIMEOUT: late.
  void check() const {
    if (stopped()) throw Refusal("INVALID_STATE", "it was cancelled; nothing of it was kept");
    if (late()) throw Refusal("TIMEOUT", "it took too long and was given up; nothing was kept");
  }

 private:
  std::stop_token stop_{};
  Clock::time_point deadline_ = Clock::time_point::max();
};

}  // namespace agent::files

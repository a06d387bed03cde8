#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "agent/panel/refusal.h"

namespace agent::files {

/// How long an operation may go on: until it is told to stop, and no longer than its time.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  Patience() = default;
  /// `left`: what has become of the work when it is given up.
  Patience(std::stop_token stop, Clock::duration most, const char* left = kNothing)
      : stop_(std::move(stop)), deadline_(Clock::now() + most), left_(left) {}

  /// The same, for a part of the work that may take no longer than `most`.
  Patience atMost(Clock::duration most) const {
    Patience part(stop_, most, left_);
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
    if (stopped()) throw Refusal("INVALID_STATE", std::string("it was cancelled; ") + left_);
    if (late())
      throw Refusal("TIMEOUT", std::string("it took too long and was given up; ") + left_);
  }

 private:
  static constexpr const char* kNothing = "nothing of it was kept";

  std::stop_token stop_{};
  Clock::time_point deadline_ = Clock::time_point::max();
  const char* left_ = kNothing;
};

/// INVALID_STATE (Refusal): told to stop before it began.
inline void requireWanted(const std::stop_token& stop) {
  if (stop.stop_requested())
    throw Refusal("INVALID_STATE", "it was cancelled before it began; nothing was done");
}

}  // namespace agent::files

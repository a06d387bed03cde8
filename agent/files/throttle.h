#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "agent/files/patience.h"

namespace agent::files {

/// Lets no more than so many bytes a second pass.
class Throttle {
 public:
  Throttle(std::int64_t bytes_per_second, const Patience& patience)
      : rate_(static_cast<double>(bytes_per_second)), patience_(patience) {}

  void pass(std::size_t bytes) {
    if (rate_ <= 0) return;
    passed_ += static_cast<double>(bytes);
    const auto due = began_ + std::chrono::duration_cast<Patience::Clock::duration>(
                                  std::chrono::duration<double>(passed_ / rate_));
    const auto now = Patience::Clock::now();
    if (due > now) patience_.wait(due - now);
    patience_.check();
  }

 private:
  const double rate_;
  const Patience& patience_;
  const Patience::Clock::time_point began_ = Patience::Clock::now();
  double passed_ = 0;
};

}  // namespace agent::files

#pragma once

#include <cstddef>
#include <deque>

#include <libcontrol/call.h>

namespace agent {

/// Lets at most `per_second` messages a second pass, averaged over kWindow; bursts up to the
/// window's worth pass at once. Threads: one.
class RateLimit {
 public:
  static constexpr control::Duration kWindow = std::chrono::seconds(5);

  /// 0: everything passes.
  explicit RateLimit(std::size_t per_second);

  /// Whether a message that arrives at `now` may pass; one that may not does not count.
  bool admit(control::TimePoint now);

 private:
  std::size_t per_window_;
  std::deque<control::TimePoint> admitted_;
};

}  // namespace agent

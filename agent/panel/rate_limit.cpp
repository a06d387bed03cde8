#include "agent/panel/rate_limit.h"

namespace agent {

RateLimit::RateLimit(std::size_t per_second) : per_window_(per_second * 5) {}

bool RateLimit::admit(control::TimePoint now) {
  if (per_window_ == 0) return true;
  while (!admitted_.empty() && now - admitted_.front() >= kWindow) admitted_.pop_front();
  if (admitted_.size() >= per_window_) return false;
  admitted_.push_back(now);
  return true;
}

}  // namespace agent

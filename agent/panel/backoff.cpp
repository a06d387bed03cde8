#include "agent/panel/backoff.h"

#include <algorithm>

namespace agent {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirst{500};
constexpr milliseconds kCap{30'000};
constexpr milliseconds kAfterLoss{2'000};
constexpr milliseconds kHealthy{60'000};
constexpr milliseconds kLongestStayAway{300'000};
/// What RFC 6455's registry advises after close code 1012.
constexpr milliseconds kLaterFrom{5'000};
/// Links lost this often in a row, each soon after it was made, are no accident: a panel that
/// accepts and closes must not be asked every second.
constexpr int kShortLivesForgiven = 3;

milliseconds grown(int times) { return times >= 6 ? kCap : std::min(kCap, kFirst * (1 << times)); }

}  // namespace

milliseconds Backoff::jitter(milliseconds limit) const {
  return milliseconds(
      static_cast<milliseconds::rep>(random_() * static_cast<double>(limit.count())));
}

milliseconds Backoff::usual(const LinkEnd& end) {
  if (end.kind == LinkEnd::Kind::kRefused) return kCap;
  if (end.kind == LinkEnd::Kind::kNoConnection) return jitter(grown(failures_++));
  if (end.lived >= kHealthy) failures_ = short_lives_ = 0;
  ++short_lives_;
  if (end.come_back_later) return kLaterFrom + jitter(kCap - kLaterFrom);
  return jitter(short_lives_ <= kShortLivesForgiven ? kAfterLoss : grown(short_lives_));
}

milliseconds Backoff::next(const LinkEnd& end) {
  failures_ = std::min(failures_, 1000);
  short_lives_ = std::min(short_lives_, 1000);
  const milliseconds wait = usual(end);
  if (!end.stay_away) return wait;
  return std::max(wait, std::clamp(*end.stay_away, milliseconds(0), kLongestStayAway) +
                            jitter(milliseconds(1000)));
}

}  // namespace agent

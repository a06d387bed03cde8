#include "agent/panel/backoff.h"

#include <gtest/gtest.h>

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double kAlmostOne = 0.999999;

Backoff highest() {
  return Backoff([] { return kAlmostOne; });
}

milliseconds failed(Backoff& backoff) { return backoff.next({}); }
milliseconds lost(Backoff& backoff, milliseconds lived) {
  return backoff.next({.kind = LinkEnd::Kind::kLost, .lived = lived});
}

TEST(Backoff, DoublesItsLimitWithEveryFailureUpToThirtySeconds) {
  Backoff backoff = highest();
  for (const int limit : {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000})
    EXPECT_EQ(failed(backoff).count(), limit - 1) << limit;
}

TEST(Backoff, ChoosesBetweenNothingAndItsLimit) {
  double next = 0;
  Backoff backoff([&next] { return next; });
  EXPECT_EQ(failed(backoff), milliseconds(0));
  next = 0.5;
  EXPECT_EQ(failed(backoff), milliseconds(500));
}

TEST(Backoff, StaysAtTheCapAfterAThousandFailures) {
  Backoff backoff = highest();
  for (int attempt = 0; attempt < 5000; ++attempt) failed(backoff);
  EXPECT_EQ(failed(backoff), milliseconds(29'999));
}

TEST(Backoff, TriesWithinTwoSecondsAfterALinkWasLost) {
  Backoff backoff = highest();
  EXPECT_EQ(lost(backoff, seconds(5)), milliseconds(1999));
}

TEST(Backoff, BeginsAnewOnceALinkLivedAMinute) {
  Backoff backoff = highest();
  for (int attempt = 0; attempt < 7; ++attempt) failed(backoff);
  lost(backoff, seconds(60));
  EXPECT_EQ(failed(backoff), milliseconds(499));
}

TEST(Backoff, DoesNotBeginAnewAfterAShortLink) {
  Backoff backoff = highest();
  for (int attempt = 0; attempt < 7; ++attempt) failed(backoff);
  lost(backoff, seconds(59));
  EXPECT_EQ(failed(backoff), milliseconds(29'999));
}

TEST(Backoff, SlowsDownWhenLinksKeepBeingLostAtOnce) {
  Backoff backoff = highest();
  milliseconds wait{0};
  for (int link = 0; link < 10; ++link) wait = lost(backoff, milliseconds(10));
  EXPECT_EQ(wait, milliseconds(29'999));
}

TEST(Backoff, WaitsTheWholeCapWhenRefused) {
  Backoff backoff([] { return 0.0; });
  EXPECT_EQ(backoff.next({.kind = LinkEnd::Kind::kRefused}), seconds(30));
}

TEST(Backoff, StaysAwayAsLongAsThePanelAsks) {
  Backoff backoff([] { return 0.0; });
  EXPECT_EQ(backoff.next({.stay_away = seconds(90)}), seconds(90));
}

TEST(Backoff, StaysAwayFiveMinutesAtMost) {
  Backoff backoff([] { return 0.0; });
  EXPECT_EQ(backoff.next({.stay_away = std::chrono::hours(24)}), seconds(300));
}

TEST(Backoff, WaitsFiveToThirtySecondsWhenThePanelRestarts) {
  Backoff soonest([] { return 0.0; });
  Backoff latest = highest();
  const LinkEnd end{.kind = LinkEnd::Kind::kLost, .lived = seconds(100), .come_back_later = true};
  EXPECT_EQ(soonest.next(end), seconds(5));
  EXPECT_EQ(latest.next(end), milliseconds(29'999));
}

}  // namespace
}  // namespace agent

#include "agent/panel/rate_limit.h"

#include <gtest/gtest.h>

namespace agent {
namespace {

control::TimePoint at(double seconds) {
  return control::TimePoint(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
}

TEST(RateLimit, LetsTheWindowsWorthPass) {
  RateLimit limit(200);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(limit.admit(at(1))) << i;
  EXPECT_FALSE(limit.admit(at(1)));
  EXPECT_FALSE(limit.admit(at(5.9)));
}

TEST(RateLimit, LetsPassAgainOnceTheWindowHasMoved) {
  RateLimit limit(1);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(limit.admit(at(i)));
  EXPECT_FALSE(limit.admit(at(4.5)));
  EXPECT_TRUE(limit.admit(at(5)));
}

TEST(RateLimit, LetsEverythingPassWhenOff) {
  RateLimit limit(0);
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(limit.admit(at(1)));
}

}  // namespace
}  // namespace agent

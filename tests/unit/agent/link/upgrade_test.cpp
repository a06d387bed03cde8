#include "agent/panel/upgrade.h"

#include <gtest/gtest.h>

namespace agent {
namespace {

using std::chrono::seconds;

TEST(RetryAfter, ReadsSeconds) {
  EXPECT_EQ(parseRetryAfter("120", {}), seconds(120));
  EXPECT_EQ(parseRetryAfter("0", {}), seconds(0));
}

TEST(RetryAfter, ReadsADateAsTheTimeUntilThen) {
  const auto now = std::chrono::system_clock::from_time_t(784111777);  // Sun, 06 Nov 1994 08:49:37
  EXPECT_EQ(parseRetryAfter("Sun, 06 Nov 1994 08:50:37 GMT", now), seconds(60));
}

TEST(RetryAfter, TakesADateBeyondTheClock) {
  const auto wait = parseRetryAfter("Fri, 31 Dec 9999 23:59:59 GMT", {});
  ASSERT_TRUE(wait);
  EXPECT_GT(*wait, std::chrono::hours(24 * 365 * 7000));
}

TEST(RetryAfter, TakesADateThatIsOverAsNow) {
  const auto now = std::chrono::system_clock::from_time_t(784111777);
  EXPECT_EQ(parseRetryAfter("Sun, 06 Nov 1994 08:00:00 GMT", now), seconds(0));
}

TEST(RetryAfter, IgnoresWhatIsNeither) {
  for (const char* value : {"", "soon", "-5", "1.5", "99999999999999999999"})
    EXPECT_FALSE(parseRetryAfter(value, {})) << value;
}

}  // namespace
}  // namespace agent

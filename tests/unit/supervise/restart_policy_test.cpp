#include <gtest/gtest.h>

#include <libcontrol/supervisor.h>

namespace control {
namespace {

TEST(RestartPolicy, TextReadsBackAsTheSamePolicy) {
  for (const auto mode : {RestartPolicy::Mode::kOnFailure, RestartPolicy::Mode::kAlways}) {
    const RestartPolicy policy{.mode = mode, .max_retries = 7};
    const auto again = RestartPolicy::parse(policy.toText());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->mode, mode);
    EXPECT_EQ(again->max_retries, 7);
  }
  EXPECT_EQ(RestartPolicy::parse("no")->mode, RestartPolicy::Mode::kNo);
}

TEST(RestartPolicy, TimesAreKeptToTheMillisecond) {
  const RestartPolicy policy{.mode = RestartPolicy::Mode::kAlways,
                             .first_delay = std::chrono::milliseconds(1),
                             .longest_delay = std::chrono::seconds(2),
                             .reset_after = std::chrono::hours(3)};
  const auto again = RestartPolicy::parse(policy.toText());
  ASSERT_TRUE(again) << policy.toText();
  EXPECT_EQ(again->first_delay, policy.first_delay);
  EXPECT_EQ(again->longest_delay, policy.longest_delay);
  EXPECT_EQ(again->reset_after, policy.reset_after);
  EXPECT_EQ(RestartPolicy{.mode = RestartPolicy::Mode::kAlways}.toText(), "always:3");
}

TEST(RestartPolicy, NonsenseIsNoPolicy) {
  for (const auto* text : {"", "sometimes", "always:", "always:-1", "always:3x",
                           "always:9999999999", "always:3:", "always:3:1:2", "always:3:1:2:x",
                           "always:3:1:2:-3", "always:3:1:2:3:4", "always:3:1:2:9999999999999999"})
    EXPECT_FALSE(RestartPolicy::parse(text)) << text;
}

}  // namespace
}  // namespace control

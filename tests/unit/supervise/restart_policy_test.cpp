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

TEST(RestartPolicy, NonsenseIsNoPolicy) {
  for (const auto* text :
       {"", "sometimes", "always:", "always:-1", "always:3x", "always:9999999999"})
    EXPECT_FALSE(RestartPolicy::parse(text)) << text;
}

}  // namespace
}  // namespace control

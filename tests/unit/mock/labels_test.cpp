#include "mock/mock_labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace control::mock {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(Labels, OfOthersAreNotLookedAt) {
  const auto behaviour = parseLabels({{"a", "b"}, {"mock", "x"}, {"mockery.x", "y"}});
  ASSERT_TRUE(behaviour);
  EXPECT_FALSE(behaviour->replaces_command);
}

TEST(Labels, SayHowTheProcessLives) {
  const auto behaviour = parseLabels({{"mock.run_for", "5s"},
                                      {"mock.exit_code", "3"},
                                      {"mock.ignore_signals", "TERM,SIGINT"},
                                      {"mock.on_signal.USR1", "exit:42"},
                                      {"mock.stop_delay", "300ms"}});
  ASSERT_TRUE(behaviour) << behaviour.error().message;
  EXPECT_EQ(behaviour->run_for, 5s);
  EXPECT_EQ(behaviour->exit_code, 3);
  EXPECT_EQ(behaviour->ignored, (std::set<int>{2, 15}));
  EXPECT_EQ(behaviour->on_signal.at(10).code, 42);
  EXPECT_EQ(behaviour->stop_delay, 300ms);
  EXPECT_TRUE(behaviour->replaces_command);
}

TEST(Labels, WithADurationSayWhichUnitsThereAre) {
  EXPECT_THAT(parseLabels({{"mock.run_for", "5 s"}}).error().message,
              HasSubstr("'5 s': use a duration with its unit (us, ms, s, m, h, d) right behind"));
}

TEST(Labels, UnknownOnesAreNamedWithThoseThatAreKnown) {
  const auto behaviour = parseLabels({{"mock.runfor", "5s"}});
  ASSERT_FALSE(behaviour);
  EXPECT_EQ(behaviour.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(behaviour.error().message, HasSubstr("mock.runfor"));
  EXPECT_THAT(behaviour.error().message, HasSubstr("mock.run_for"));
}

TEST(Labels, BadValuesAreRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> bad{
      {"mock.run_for", "soon"},          {"mock.exit_code", "256"},
      {"mock.exit_code", "-1"},          {"mock.ignore_signals", ""},
      {"mock.ignore_signals", "KILL"},   {"mock.ignore_signals", "TERM,NOSUCH"},
      {"mock.on_signal.KILL", "exit:1"}, {"mock.on_signal.NOSUCH", "exit:1"},
      {"mock.on_signal.TERM", "exit:x"}, {"mock.on_signal.TERM", "leave"},
      {"mock.stop_delay", "x"},          {"mock.crash_after", ""},
      {"mock.oom_after", "-1s"},         {"mock.stdout_every", "0"},
      {"mock.start_error", ""},          {"mock.cpu_percent", "much"},
      {"mock.cpu_percent", "-1"},        {"mock.memory_bytes", "20M"},
      {"mock.echo_stdin", "yes"},        {"mock.healthy_after", "soon"}};
  for (const auto& [label, value] : bad) {
    const auto behaviour = parseLabels({{label, value}});
    ASSERT_FALSE(behaviour) << label << "=" << value;
    EXPECT_EQ(behaviour.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(behaviour.error().message, HasSubstr(label));
  }
}

}  // namespace
}  // namespace control::mock

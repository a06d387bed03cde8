// A life of many starts and stops, on one thread and a clock that jumps.

#include "scenario_fixture.h"

namespace control::mock {
namespace {

TEST(MockCycles, ThousandsOfStopsThatEscalateTakeDaysOfVirtualTimeAndLeaveNothing) {
  const Opened engine(
      "{'containers': [{'name': 'web', 'image': 'a', 'labels': {'mock.ignore_signals': 'TERM'}}]}");
  constexpr int kCycles = 5000;
  const TimePoint began = engine.clock->now();
  for (int i = 0; i < kCycles; ++i) {
    ASSERT_TRUE(engine->start({"web"}, {}));
    const auto stopped = engine->stop({"web"}, {.timeout = 30s}, {});
    ASSERT_TRUE(stopped) << stopped.error().message;
    ASSERT_EQ(stopped->outcome, StopOutcome::kKilled);
  }
  EXPECT_EQ(engine.clock->now() - began, kCycles * 30s);
  EXPECT_FALSE(engine.clock->nextPending());
  EXPECT_EQ(engine.mock->openStreams(), 0u);
  EXPECT_EQ(engine.mock->liveThreads(), 0u);
}

}  // namespace
}  // namespace control::mock

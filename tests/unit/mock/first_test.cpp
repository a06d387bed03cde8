#include <gtest/gtest.h>

#include <libcontrol/loader.h>
#include <libcontrol/testing/fake_clock.h>
#include <libcontrol/testing/mock_control.h>

#include "mock/mock_plugin.h"

namespace control {
namespace {
using namespace std::chrono_literals;

std::shared_ptr<ContainerRuntime> open(const std::string& uri) {
  const PluginDescriptor* linked[] = {&mock::descriptor()};
  return *loadRuntime(uri, {.linked_plugins = linked});
}

TEST(Mock, KillsOneThatIgnoresTermAfterItsTimeout) {
  auto runtime = open("mock:///first?clock=virtual");
  auto* control = runtime->extension<testing::MockControl>();
  control->fakeClock()->setAutoAdvance(true);
  auto run = runtime->run({.image = "a", .command = {"sleep", "1000"}}, {});
  ASSERT_TRUE(run) << run.error().message;
  const auto before = control->now();
  auto stop = runtime->stop(run->id, {.timeout = 30s}, {});
  ASSERT_TRUE(stop) << stop.error().message;
  EXPECT_EQ(stop->outcome, StopOutcome::kKilled);
  EXPECT_EQ(control->now() - before, 30s);
}

TEST(Mock, StopsAServerGracefully) {
  auto runtime = open("mock:///second");
  auto run = runtime->run({.image = "a"}, {});
  ASSERT_TRUE(run) << run.error().message;
  auto stop = runtime->stop(run->id, {}, {});
  ASSERT_TRUE(stop) << stop.error().message;
  EXPECT_EQ(stop->outcome, StopOutcome::kStopped);
  EXPECT_EQ(stop->exit->exit_code, 0);
}

TEST(Mock, RunsATrapOnTheRealClock) {
  auto runtime = open("mock:///third");
  auto run = runtime->run(
      {.image = "a", .command = {"sh", "-c", "trap 'exit 42' INT; while true; do sleep 0.05; done"}}, {});
  ASSERT_TRUE(run) << run.error().message;
  auto stop = runtime->stop(run->id, {.signal = Signal::interrupt(), .timeout = 5s}, {});
  ASSERT_TRUE(stop) << stop.error().message;
  EXPECT_EQ(stop->outcome, StopOutcome::kStopped);
  EXPECT_EQ(stop->exit->exit_code, 42);
}
}  // namespace
}  // namespace control

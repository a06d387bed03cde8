#include "engines/podman_fixture.h"
#include "real_engines/engine_test.h"

namespace control::test {

/// The service of an ordinary user.
const EngineUnderTest& engineUnderTest() {
  static const EngineUnderTest rootless{.name = "podman",
                                        .uri = podmanRootlessUri(),
                                        .socket = podmanRootlessSocket(),
                                        .network = podmanRootlessNetworkNamespace()};
  return rootless;
}

namespace {

using RootlessPodman = EngineTest;

TEST_F(RootlessPodman, StartsStopsAndTellsTheExit) {
  const ContainerId id = run(shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"));
  awaitOutput(id);
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
  const auto stopped = runtime_->stop(id, {.timeout = seconds(20)}, soon());
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_EQ(stopped->outcome, StopOutcome::kStopped);
  const auto exit = look(id).exit;
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->exit_code, 5);
}

TEST_F(RootlessPodman, EscalatesAStopToKill) {
  const ContainerId id = run(shell("trap '' TERM; echo ready; while :; do sleep 0.1; done"));
  awaitOutput(id);
  const auto stopped = runtime_->stop(id, {.timeout = milliseconds(300)}, soon());
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_EQ(stopped->outcome, StopOutcome::kKilled);
}

TEST_F(RootlessPodman, MissesNoInstantExit) {
  const ContainerId id = make(shell("exit 3"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  ASSERT_TRUE(runtime_->start(id, soon()));
  const auto exit = (*watch)->exited(soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->exit_code, 3);
}

TEST_F(RootlessPodman, RunsCommandsInside) {
  const ContainerId id = run(shell("sleep 1000"));
  ExecSpec spec;
  spec.command = {"sh", "-c", "echo inside; exit 4"};
  const auto session = runtime_->exec(id, spec, soon());
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(textOf(readAll(**session), OutputSource::kStdout), "inside\n");
  const auto code = (*session)->exitCode(soon());
  ASSERT_TRUE(code) << code.error().message;
  EXPECT_EQ(*code, 4);
}

TEST_F(RootlessPodman, GivesTheOutput) {
  const ContainerId id = run(shell("echo out; echo err >&2"));
  ASSERT_TRUE(runtime_->wait(id, soon()));
  const auto logs = runtime_->logs(id, {}, soon());
  ASSERT_TRUE(logs) << logs.error().message;
  const auto all = readAll(**logs);
  EXPECT_EQ(textOf(all, OutputSource::kStdout), "out\n");
  EXPECT_EQ(textOf(all, OutputSource::kStderr), "err\n");
}

TEST_F(RootlessPodman, HasNoStatisticsWithoutCgroupsOfItsOwn) {
  const auto info = runtime_->info(soon());
  ASSERT_TRUE(info) << info.error().message;
  const ContainerId id = run(shell("sleep 1000"));
  const auto samples = runtime_->stats(std::vector{id}, soon());
  ASSERT_EQ(samples.size(), 1U);
  if (info->cgroup_version == 2) {
    ASSERT_TRUE(samples[0]) << samples[0].error().message;
    EXPECT_TRUE(samples[0]->memory_usage_bytes);
  } else {
    EXPECT_CODE(samples[0], ErrorCode::kUnsupported);
  }
}

}  // namespace
}  // namespace control::test

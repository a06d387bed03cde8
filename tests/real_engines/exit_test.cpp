#include <poll.h>

#include <csignal>
#include <thread>

#include "real_engines/engine_test.h"

namespace control::test {
namespace {

TEST_F(EngineTest, WatchArmedBeforeTheStartSeesAnInstantExit) {
  const ContainerId id = make(shell("exit 7"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  ASSERT_TRUE(runtime_->start(id, soon()));
  const auto exit = (*watch)->exited(soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->exit_code, 7);
  EXPECT_EQ(exit->run.container, id);
  EXPECT_EQ(exit->run.started_at, look(id).started_at);
  EXPECT_FALSE(exit->oom_killed.value_or(engine_.always_tells_oom));
  EXPECT_FALSE(exit->signal);
}

TEST_F(EngineTest, WatchNoticesTheEndOfARunningContainerFromTheKernel) {
  const ContainerId id = run(shell("trap 'exit 42' TERM; echo set; while :; do sleep 0.01; done"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  awaitOutput(id);
  ASSERT_TRUE(runtime_->signal(id, Signal::term(), soon()));
  const auto noticed = (*watch)->noticed(soon());
  ASSERT_TRUE(noticed) << noticed.error().message;
  EXPECT_EQ(noticed->run.container, id);
  const auto exited = (*watch)->exited(soon());
  ASSERT_TRUE(exited) << exited.error().message;
  EXPECT_EQ(exited->exit_code, 42);
  EXPECT_TRUE(exited->finished_at);
  EXPECT_EQ(look(id).state, ContainerState::kExited);
}

TEST_F(EngineTest, WatchArmedBeforeTheStartNoticesFromTheKernelToo) {
  const ContainerId id = make(shell("sleep 100"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  ASSERT_TRUE(runtime_->start(id, soon()));
  pollfd polled{.fd = (*watch)->pollFd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&polled, 1, 10'000), 1) << "the start gives the watch something to do";
  EXPECT_CODE((*watch)->noticed({.deadline = TimePoint{}}), ErrorCode::kDeadlineExceeded);
  const int pid = look(id).pid.value_or(0);
  ASSERT_GT(pid, 1);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  const auto noticed = (*watch)->noticed(soon());
  ASSERT_TRUE(noticed) << noticed.error().message;
  if (noticed->exit_code) {  // kernels from 6.15 tell
    EXPECT_EQ(noticed->exit_code, 137);
    EXPECT_EQ(noticed->signal, Signal::kill());
  }
  const auto exited = (*watch)->exited(soon());
  ASSERT_TRUE(exited) << exited.error().message;
  EXPECT_EQ(exited->exit_code, 137);
  EXPECT_FALSE(exited->oom_killed.value_or(engine_.always_tells_oom));
}

TEST_F(EngineTest, WatchKeepsToItsRunAcrossARestart) {
  const ContainerId id = run(shell("sleep 100"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  const auto first_start = look(id).started_at;
  ASSERT_TRUE(runtime_->kill(id, soon()));
  ASSERT_TRUE(runtime_->start(id, soon()));
  const auto exit = (*watch)->exited(soon());
  if (exit) {
    EXPECT_EQ(exit->run.started_at, first_start);
    EXPECT_EQ(exit->exit_code, 137);
  } else {
    EXPECT_CODE(exit, ErrorCode::kNotFound);
  }
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

TEST_F(EngineTest, CancelledWatchIsCancelledAndNoExit) {
  const ContainerId id = make(shell("sleep 100"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  const std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(50));
    (*watch)->cancel();
  });
  EXPECT_CODE((*watch)->exited(soon()), ErrorCode::kCancelled);
  EXPECT_CODE((*watch)->noticed(soon()), ErrorCode::kCancelled);
}

TEST_F(EngineTest, WatchOfAContainerThatIsRemovedEnds) {
  const ContainerId id = make(shell("sleep 100"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  ASSERT_TRUE(runtime_->remove(id, {}, soon()));
  EXPECT_CODE((*watch)->exited(soon()), ErrorCode::kNotFound);
}

TEST_F(EngineTest, StopEscalatesAfterASubsecondTimeout) {
  // The best of some: a machine that is busy makes no timeout of a second out of one of 300 ms.
  Duration least = seconds(60);
  for (int round = 0; round < 5 && least >= seconds(1); ++round) {
    const ContainerId id = run(shell("trap '' TERM; echo set; while :; do sleep 0.01; done"));
    awaitOutput(id);
    const auto begin = std::chrono::steady_clock::now();
    const auto report = runtime_->stop(id, {.timeout = milliseconds(300)}, soon());
    const auto took = std::chrono::steady_clock::now() - begin;
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->outcome, StopOutcome::kKilled);
    EXPECT_GE(took, milliseconds(300));
    least = std::min<Duration>(least, took);
  }
  EXPECT_LT(least, seconds(1));
}

TEST_F(EngineTest, StopByARealTimeSignalReachesTheTrap) {
  const ContainerId id = run(shell("trap 'exit 42' 36; echo set; while :; do sleep 0.01; done"));
  awaitOutput(id);
  const auto report = runtime_->stop(id, {.signal = Signal{36}, .timeout = seconds(5)}, soon());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->outcome, StopOutcome::kStopped);
  ASSERT_TRUE(report->exit);
  EXPECT_EQ(report->exit->exit_code, 42);
}

TEST_F(EngineTest, SignalToAStoppedContainerReportsNotRunning) {
  const ContainerId id = make(shell("true"));
  const auto outcome = runtime_->signal(id, Signal::term(), soon());
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(*outcome, SignalOutcome::kNotRunning);
  EXPECT_CODE(runtime_->signal({"no-such-container"}, Signal::term(), soon()),
              ErrorCode::kNotFound);
  EXPECT_CODE(runtime_->signal(id, Signal{0}, soon()), ErrorCode::kInvalidArgument);
}

TEST_F(EngineTest, OomIsReported) {
  // Not before its start is over: of a cgroup that has gone nobody can ask.
  ContainerSpec spec =
      shell("trap 'exec tail /dev/zero' USR1; echo ready; while :; do sleep 0.1; done");
  spec.limits = {.memory_bytes = 16 << 20, .memory_swap_bytes = 16 << 20};
  const ContainerId id = make(spec);
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch);
  ASSERT_TRUE(runtime_->start(id, soon()));
  awaitOutput(id);
  ASSERT_TRUE(runtime_->signal(id, Signal{SIGUSR1}, soon()));
  const auto exit = (*watch)->exited(soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->oom_killed, true);
  EXPECT_EQ(look(id).oom_killed, true);
}

}  // namespace
}  // namespace control::test

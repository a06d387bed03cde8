#include <sys/utsname.h>

#include <csignal>
#include <cstdio>
#include <iostream>

#include "real_engines/host_truth.h"

namespace control::test {
namespace {

bool kernelTellsExitStatus() {
  utsname name{};
  ::uname(&name);
  int major = 0;
  int minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  return major > 6 || (major == 6 && minor >= 15);
}

TEST(HostExit, IsNoticedBeforeTheEngineKnowsWithTheRightCode) {
  Container container("trap 'exit 7' TERM; sleep 600 & wait");
  const auto watch = container.watch();
  container.start();
  container.order(SIGTERM);
  const ExitStatus noticed = must(watch->noticed(soon()));
  EXPECT_EQ(noticed.exit_code.value_or(7), 7);
  EXPECT_EQ(noticed.signal, std::nullopt);
  const ExitStatus exited = must(watch->exited(soon()));
  EXPECT_EQ(exited.exit_code, 7);
  EXPECT_EQ(exited.run, noticed.run);
  EXPECT_TRUE(exited.finished_at.has_value());
}

TEST(HostExit, IsNoticedWithinMillisecondsOfTheKill) {
  // The least of five: others use this machine too.
  auto least = SteadyClock::duration::max();
  auto least_engine = SteadyClock::duration::max();
  int told = 0;  // the kernel tells once the parent has collected the process
  for (int round = 0; round < 5; ++round) {
    Container container("sleep 600");
    container.start();
    const auto watch = container.watch();
    const auto killed_at = SteadyClock::now();
    ASSERT_EQ(::kill(container.pid(), SIGKILL), 0);
    const ExitStatus noticed = must(watch->noticed(soon()));
    least = std::min(least, SteadyClock::now() - killed_at);
    must(watch->exited(soon()));
    least_engine = std::min(least_engine, SteadyClock::now() - killed_at);
    if (!noticed.exit_code) continue;
    ++told;
    EXPECT_EQ(noticed.signal, Signal::kill());
    EXPECT_EQ(noticed.exit_code, 137);
  }
  std::cout << "noticed after " << std::chrono::duration<double, std::milli>(least).count()
            << " ms, the engine's word after "
            << std::chrono::duration<double, std::milli>(least_engine).count() << " ms\n";
  EXPECT_LT(least, least_engine);
  if (kernelTellsExitStatus()) {
    EXPECT_GT(told, 0);
  }
}

TEST(HostExit, OfAContainerThatEndsAtOnceIsNeverMissed) {
  for (int round = 0; round < 8; ++round) {
    Container container("exit 5");
    const auto watch = container.watch();
    must(engine().start(container.id(), soon()));
    EXPECT_EQ(must(watch->noticed(soon())).exit_code.value_or(5), 5);
    EXPECT_EQ(must(watch->exited(soon())).exit_code, 5);
  }
}

TEST(HostExit, LetsTheContainerStartAgainAtOnceOnceTheEngineHasRecordedIt) {
  Container container("sleep 600");
  for (int round = 0; round < 3; ++round) {
    const auto watch = container.watch();
    container.start();
    ASSERT_EQ(::kill(container.pid(), SIGKILL), 0);
    must(watch->exited(soon()));
  }
  EXPECT_EQ(must(engine().start(container.id(), soon())), StartOutcome::kStarted);
}

TEST(HostExit, KeepsTwoRunsApart) {
  Container container("trap 'exit 7' TERM; trap 'exit 8' INT; sleep 600 & wait");
  const auto first = container.watch();
  container.start();
  container.order(SIGTERM);
  must(first->exited(soon()));
  const auto second = container.watch();
  container.start();
  container.order(SIGINT);
  EXPECT_EQ(must(second->exited(soon())).exit_code, 8);
  EXPECT_EQ(must(first->exited(soon())).exit_code, 7);
  EXPECT_NE(must(first->exited(soon())).run, must(second->exited(soon())).run);
}

TEST(HostExit, OfARunThatWasOverAtOnceIsNotThatOfTheNextRun) {
  Container container("[ ! -e /ran ] || exec sleep 600; touch /ran; exit 5");
  const auto watch = container.watch();
  must(engine().start(container.id(), soon()));
  ASSERT_EQ(askEngine("POST", container.id(), "/wait").status, 200);
  must(engine().start(container.id(), soon()));
  const Result<ExitStatus> exited = watch->exited(soon());
  ASSERT_TRUE(exited) << exited.error().message;
  EXPECT_EQ(exited->exit_code, 5);
}

TEST(HostExit, BySigkillIsNoOutOfMemory) {
  Container container("sleep 600", {.memory_bytes = 64 << 20});
  const auto watch = container.watch();
  container.start();
  must(engine().signal(container.id(), Signal::kill(), soon()));
  const ExitStatus exited = must(watch->exited(soon()));
  EXPECT_EQ(exited.exit_code, 137);
  EXPECT_FALSE(exited.oom_killed.value_or(engineUnderTest().always_tells_oom));
  if (kernelTellsExitStatus()) {
    EXPECT_EQ(exited.signal, Signal::kill());
  }
}

TEST(HostExit, WithCode137IsNeitherASignalNorOutOfMemory) {
  Container container("exit 137");
  const auto watch = container.watch();
  must(engine().start(container.id(), soon()));
  const ExitStatus exited = must(watch->exited(soon()));
  EXPECT_EQ(exited.exit_code, 137);
  EXPECT_EQ(exited.signal, std::nullopt);
  EXPECT_FALSE(exited.oom_killed.value_or(engineUnderTest().always_tells_oom));
}

TEST(HostExit, ForLackOfMemoryIsToldApart) {
  Container container("trap 'exec tail /dev/zero' USR1; sleep 600 & wait",
                      {.memory_bytes = 16 << 20, .memory_swap_bytes = 16 << 20});
  const auto watch = container.watch();
  container.start();
  container.order(SIGUSR1);
  const ExitStatus exited = must(watch->exited(soon()));
  EXPECT_EQ(exited.exit_code, 137);
  EXPECT_EQ(exited.oom_killed, true);
  EXPECT_EQ(must(engine().inspect(container.id(), soon())).oom_killed, true);
}

TEST(HostExit, OfARemovedContainerEndsTheWatch) {
  Container container("sleep 600");
  container.start();
  const auto watch = container.watch();
  ASSERT_EQ(askEngine("DELETE", container.id(), "?force=true&timeout=0").status / 100, 2);
  const Result<ExitStatus> exited = watch->exited(soon());
  if (exited) {
    EXPECT_EQ(exited->exit_code, 137);
  } else {
    EXPECT_EQ(exited.error().code, ErrorCode::kNotFound) << exited.error().message;
  }
}

}  // namespace
}  // namespace control::test

#include <unistd.h>

#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>

#include "real_engines/host_truth.h"

namespace control::test {
namespace {

/// Samples until `enough`, for at most 15 s; gives the last one.
StatsSample sampleUntil(const Container& container,
                        const std::function<bool(const StatsSample&)>& enough) {
  StatsSample sample = container.stats();
  for (int tries = 0; !enough(sample) && tries < 1500; ++tries) {
    std::this_thread::sleep_for(10ms);
    sample = container.stats();
  }
  return sample;
}

/// CPU time of one process in seconds, from the scheduler's own figures.
double processSeconds(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int field = 0; field < 11; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

TEST(HostStats, ShowABusyLoopAsTheSchedulerDoesAndNeverAboveOneCore) {
  constexpr double kClockTicks = 0.03;  // the scheduler's figures are rounded to these
  Container busy("while :; do :; done");
  busy.start();
  const double before_first = processSeconds(busy.pid());
  const StatsSample first = busy.stats();
  const double after_first = processSeconds(busy.pid());
  StatsSample last;
  double before_last = 0;
  do {
    std::this_thread::sleep_for(10ms);
    before_last = processSeconds(busy.pid());
    last = busy.stats();
  } while (last.taken_at - first.taken_at <= 1s);
  const double after_last = processSeconds(busy.pid());
  const auto rates = ratesBetween(first, last);
  ASSERT_TRUE(rates && rates->cpu_percent);
  EXPECT_LE(*rates->cpu_percent, 103);
  // A loaded machine gives the loop less than a core; the scheduler says how much.
  const double elapsed = std::chrono::duration<double>(last.taken_at - first.taken_at).count();
  const double seconds = *rates->cpu_percent / 100 * elapsed;
  EXPECT_GE(seconds, before_last - after_first - kClockTicks);
  EXPECT_LE(seconds, after_last - before_first + kClockTicks);
}

TEST(HostStats, GiveCpuTimeBetweenTwoOfTheEnginesOwnReadings) {
  Container busy("while :; do :; done");
  busy.start();
  const Duration before = engineFigures(busy.id()).cpu_time;
  const StatsSample ours = busy.stats();
  const Duration after = engineFigures(busy.id()).cpu_time;
  ASSERT_TRUE(ours.cpu_time.has_value());
  EXPECT_GE(*ours.cpu_time, before);
  EXPECT_LE(*ours.cpu_time, after);
}

TEST(HostStats, FollowAnAllocation) {
  constexpr std::uint64_t kAllocated = 32U << 20;
  // What a container's first process held before it became the container's own may go meanwhile.
  constexpr std::uint64_t kOther = 8U << 20;
  Container container(
      "trap 'dd if=/dev/zero of=/dev/shm/held bs=1M count=32' USR1; "
      "while :; do sleep 600 & wait; done");
  container.start();
  const StatsSample before = container.stats();
  ASSERT_TRUE(before.memory_usage_bytes && before.memory_working_set_bytes);
  container.order(SIGUSR1);
  const std::uint64_t expected = *before.memory_working_set_bytes + kAllocated - kOther;
  const StatsSample after = sampleUntil(container, [&](const StatsSample& one) {
    return one.memory_working_set_bytes.value_or(0) >= expected;
  });
  EXPECT_GE(after.memory_working_set_bytes, expected);
  EXPECT_GE(after.memory_usage_bytes, expected);
  EXPECT_LE(*after.memory_usage_bytes, *before.memory_usage_bytes + kAllocated + kOther);
}

TEST(HostStats, LeavePageCacheOutOfTheWorkingSetAlone) {
  Container container("dd if=/dev/zero of=/file bs=1M count=32; sync; sleep 600");
  container.start();
  const StatsSample sample = sampleUntil(container, [](const StatsSample& one) {
    return one.memory_usage_bytes.value_or(0) >= (30U << 20) &&
           one.memory_working_set_bytes.value_or(0) <= (10U << 20);
  });
  EXPECT_GE(*sample.memory_usage_bytes, 30U << 20);
  EXPECT_LE(*sample.memory_working_set_bytes, 10U << 20);
}

TEST(HostStats, CountNetworkBytesBothWays) {
  Container container(
      "trap 'ping -c 4 -i 0.1 -s 1400 $(ip route | awk \"/default/{print \\$3}\")' USR1; "
      "while :; do sleep 600 & wait; done");
  container.start();
  const StatsSample before = container.stats();
  container.order(SIGUSR1);
  constexpr std::uint64_t kEchoed = 4 * 1400;
  // The neighbours' multicast counts too, so that what came in may be enough before the last echo.
  const StatsSample after = sampleUntil(container, [&](const StatsSample& one) {
    return one.network_rx_bytes.value_or(0) >= before.network_rx_bytes.value_or(0) + kEchoed &&
           one.network_tx_bytes.value_or(0) >= before.network_tx_bytes.value_or(0) + kEchoed;
  });
  EXPECT_GE(*after.network_tx_bytes, *before.network_tx_bytes + kEchoed);
  EXPECT_GE(*after.network_rx_bytes, *before.network_rx_bytes + kEchoed);
  EXPECT_LE(*after.network_rx_bytes, *before.network_rx_bytes + 2 * kEchoed);
}

TEST(HostStats, GiveLimitsAndNoneWhereThereIsNone) {
  Container limited("sleep 600", {.memory_bytes = 64 << 20, .pids = 50});
  Container free("sleep 600");
  limited.start();
  // The process that becomes the container's own has threads until then.
  const StatsSample with =
      sampleUntil(limited, [](const StatsSample& one) { return one.pids.value_or(0) == 1; });
  const StatsSample without = free.start().stats();
  EXPECT_EQ(with.memory_limit_bytes, 64U << 20);
  EXPECT_EQ(with.pids_limit, 50U);
  EXPECT_EQ(without.memory_limit_bytes, std::nullopt);
  EXPECT_EQ(with.pids, 1U);
}

TEST(HostStats, EqualTheEnginesFiguresOnceTheContainerIsQuiet) {
  Container container("sleep 600");
  container.start();
  StatsSample before;
  StatsSample after;
  EngineFigures engines;
  for (int tries = 0; tries < 100; ++tries) {
    before = container.stats();
    engines = engineFigures(container.id());
    after = container.stats();
    if (before.memory_usage_bytes == after.memory_usage_bytes &&
        before.network_rx_bytes == after.network_rx_bytes)
      break;
  }
  EXPECT_EQ(after.memory_usage_bytes, engines.memory_usage_bytes);
  EXPECT_EQ(after.pids, engines.pids);
  if (engines.network_rx_bytes) {
    EXPECT_EQ(after.network_rx_bytes, engines.network_rx_bytes);
    EXPECT_EQ(after.network_tx_bytes, engines.network_tx_bytes);
  }
}

TEST(HostStats, AreGivenForAPausedContainer) {
  Container container("sleep 600");
  container.start();
  ASSERT_EQ(askEngine("POST", container.id(), "/pause").status, 204);
  EXPECT_TRUE(container.stats().memory_usage_bytes.has_value());
  ASSERT_EQ(askEngine("POST", container.id(), "/unpause").status, 204);
}

TEST(HostStats, OfAStoppedContainerAreWrongState) {
  Container container("trap 'exit 0' TERM; sleep 600 & wait");
  container.start();
  ASSERT_TRUE(container.tryStats());
  must(engine().kill(container.id(), soon()));
  const Result<StatsSample> stopped = container.tryStats();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kWrongState);
}

TEST(HostStats, OfACreatedContainerAreWrongState) {
  const Container container("sleep 600");
  const Result<StatsSample> sample = container.tryStats();
  ASSERT_FALSE(sample);
  EXPECT_EQ(sample.error().code, ErrorCode::kWrongState);
}

TEST(HostStats, OfAMissingContainerFailThatEntryOfABatchAlone) {
  Container first("sleep 600");
  Container last("sleep 600");
  first.start();
  last.start();
  const std::array ids{first.id(), ContainerId{std::string(64, 'e')}, last.id()};
  const auto answers = engine().stats(ids, soon());
  ASSERT_EQ(answers.size(), 3U);
  ASSERT_TRUE(answers[0]) << answers[0].error().message;
  EXPECT_EQ(answers[0]->run.container, first.id());
  ASSERT_FALSE(answers[1]);
  EXPECT_EQ(answers[1].error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(answers[2]) << answers[2].error().message;
  EXPECT_EQ(answers[2]->run.container, last.id());
}

TEST(HostStats, AreOfTheNewRunAfterARestart) {
  Container container("sleep 600");
  container.start();
  const StatsSample first = container.stats();
  must(engine().restart(container.id(), {.timeout = 0s}, soon()));
  const StatsSample second = container.stats();
  EXPECT_NE(first.run, second.run);
  EXPECT_FALSE(ratesBetween(first, second).has_value());
  EXPECT_EQ(second.run.started_at, must(engine().inspect(container.id(), soon())).started_at);
}

TEST(HostStats, ComeWithoutTheEnginesSecond) {
  Container container("sleep 600");
  container.start();
  ASSERT_TRUE(container.tryStats());
  constexpr int kSweeps = 50;
  const auto start = SteadyClock::now();
  for (int sweep = 0; sweep < kSweeps; ++sweep) ASSERT_TRUE(container.tryStats());
  const auto each = (SteadyClock::now() - start) / kSweeps;
  std::cout << "one sample: " << each.count() / 1000 << " us\n";
  EXPECT_LT(each, 500ms);
  EXPECT_TRUE(must(engine().info(soon())).has(Capability::kStatsFromKernel));
}

}  // namespace
}  // namespace control::test

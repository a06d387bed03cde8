// What the Podman plugin says about containers on its own host, held against the kernel and
// against Podman's API over a connection that shares no code with the plugin.

#include <gtest/gtest.h>
#include <libcontrol/loader.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <thread>

#include "engines/podman_fixture.h"
#include "engines/raw_engine.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using test::rawPodman;
using SteadyClock = std::chrono::steady_clock;

constexpr const char* kLibpod = "/v4.0.0/libpod/containers/";

CallContext soon() { return CallContext::within(30s); }

/// The value of a result, or the test ends with the error's words.
template <class T>
T must(Result<T> result) {
  if (!result)
    throw std::runtime_error(std::string(toString(result.error().code)) + ": " +
                             result.error().message);
  return std::move(*result);
}

ContainerRuntime& engine() {
  static const std::shared_ptr<ContainerRuntime> runtime =
      must(loadRuntime(test::podmanUri(), {.plugin_directory = CONTROL_TEST_PLUGINS}, soon()));
  return *runtime;
}

bool kernelTellsExitStatus() {
  utsname name{};
  ::uname(&name);
  int major = 0;
  int minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  return major > 6 || (major == 6 && minor >= 15);
}

std::uint64_t number(const Poco::JSON::Object::Ptr& object, const std::string& key) {
  return object->getValue<Poco::UInt64>(key);
}

/// A container of the test image that runs a script, removed with this object.
class Container {
 public:
  explicit Container(const std::string& script, ResourceLimits limits = {}) {
    ContainerSpec spec;
    spec.image = test::kTestImage;
    spec.command = {"sh", "-c", script};
    spec.add_capabilities = {"NET_RAW"};  // version 5 gives it to nobody
    spec.limits = limits;
    id_ = must(engine().create(spec, soon())).id;
  }
  ~Container() { (void)engine().remove(id_, {.force = true}, soon()); }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  Container& start() {
    must(engine().start(id_, soon()));
    pid_ = must(engine().inspect(id_, soon())).pid.value();
    return *this;
  }

  const ContainerId& id() const { return id_; }
  int pid() const { return pid_; }
  std::unique_ptr<ExitWatch> watch() const { return must(engine().watchExit(id_, soon())); }

  Result<StatsSample> tryStats() const {
    std::vector<Result<StatsSample>> answers = engine().stats(std::array{id_}, soon());
    if (answers.size() != 1) throw std::runtime_error("not one answer for one id");
    return answers.front();
  }
  StatsSample stats() const { return must(tryStats()); }

  Poco::JSON::Object::Ptr enginesStats() const {
    const auto reply =
        rawPodman("GET", std::string(kLibpod) + "stats?stream=false&containers=" + id_.value);
    if (reply.status != 200) throw std::runtime_error(reply.body);
    return reply.json()->getArray("Stats")->getObject(0);
  }

  /// Sends a signal that process 1 handles, as soon as it does; before, it would be lost.
  void order(int signal_number) const {
    const std::uint64_t bit = std::uint64_t(1) << (signal_number - 1);
    const std::string path = "/proc/" + std::to_string(pid_) + "/status";
    const auto handled = [&] {
      std::ifstream status(path);
      for (std::string line; std::getline(status, line);)
        if (line.starts_with("SigCgt:"))
          return (std::stoull(line.substr(7), nullptr, 16) & bit) != 0;
      return false;
    };
    for (int tries = 0; !handled() && tries < 1000; ++tries) std::this_thread::sleep_for(10ms);
    must(engine().signal(id_, {signal_number}, soon()));
  }

 private:
  ContainerId id_;
  int pid_ = 0;
};

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

// ---- Statistics ----

TEST(PodmanHostStats, ShowABusyLoopAsTheSchedulerDoesAndNeverAboveOneCore) {
  Container busy("while :; do :; done");
  busy.start();
  const double seconds_before = processSeconds(busy.pid());
  const StatsSample first = busy.stats();
  const StatsSample last =
      sampleUntil(busy, [&](const StatsSample& one) { return one.taken_at - first.taken_at > 1s; });
  const double seconds_after = processSeconds(busy.pid());
  const auto rates = ratesBetween(first, last);
  ASSERT_TRUE(rates && rates->cpu_percent);
  const double elapsed = std::chrono::duration<double>(last.taken_at - first.taken_at).count();
  // A loaded machine gives the loop less than a core; the scheduler says how much.
  const double scheduler = (seconds_after - seconds_before) / elapsed * 100;
  EXPECT_NEAR(*rates->cpu_percent, scheduler, 6);
  EXPECT_LE(*rates->cpu_percent, 103);
}

TEST(PodmanHostStats, GiveCpuTimeBetweenTwoOfTheEnginesOwnReadings) {
  Container busy("while :; do :; done");
  busy.start();
  const auto total = [&] {
    return static_cast<std::int64_t>(number(busy.enginesStats(), "CPUNano"));
  };
  const std::int64_t before = total();
  const StatsSample ours = busy.stats();
  const std::int64_t after = total();
  ASSERT_TRUE(ours.cpu_time.has_value());
  EXPECT_GE(ours.cpu_time->count(), before);
  EXPECT_LE(ours.cpu_time->count(), after);
}

TEST(PodmanHostStats, FollowAnAllocation) {
  constexpr std::uint64_t kAllocated = 32U << 20;
  Container container(
      "trap 'dd if=/dev/zero of=/dev/shm/held bs=1M count=32' USR1; "
      "while :; do sleep 600 & wait; done");
  container.start();
  const StatsSample before = container.stats();
  ASSERT_TRUE(before.memory_usage_bytes && before.memory_working_set_bytes);
  container.order(SIGUSR1);
  const std::uint64_t expected = *before.memory_working_set_bytes + kAllocated - (2U << 20);
  const StatsSample after = sampleUntil(container, [&](const StatsSample& one) {
    return one.memory_working_set_bytes.value_or(0) >= expected;
  });
  EXPECT_GE(after.memory_working_set_bytes, expected);
  EXPECT_GE(after.memory_usage_bytes, expected);
  EXPECT_LE(*after.memory_usage_bytes, *before.memory_usage_bytes + kAllocated + (8U << 20));
}

TEST(PodmanHostStats, LeavePageCacheOutOfTheWorkingSetAlone) {
  Container container("dd if=/dev/zero of=/file bs=1M count=32; sync; sleep 600");
  container.start();
  const StatsSample sample = sampleUntil(container, [](const StatsSample& one) {
    return one.memory_usage_bytes.value_or(0) >= (30U << 20);
  });
  EXPECT_GE(*sample.memory_usage_bytes, 30U << 20);
  EXPECT_LE(*sample.memory_working_set_bytes, 10U << 20);
}

TEST(PodmanHostStats, CountNetworkBytesBothWays) {
  Container container(
      "trap 'ping -c 4 -i 0.1 -s 1400 $(ip route | awk \"/default/{print \\$3}\")' USR1; "
      "while :; do sleep 600 & wait; done");
  container.start();
  const StatsSample before = container.stats();
  container.order(SIGUSR1);
  constexpr std::uint64_t kEchoed = 4 * 1400;
  const StatsSample after = sampleUntil(container, [&](const StatsSample& one) {
    return one.network_rx_bytes.value_or(0) >= before.network_rx_bytes.value_or(0) + kEchoed;
  });
  EXPECT_GE(*after.network_tx_bytes, *before.network_tx_bytes + kEchoed);
  EXPECT_GE(*after.network_rx_bytes, *before.network_rx_bytes + kEchoed);
  EXPECT_LE(*after.network_rx_bytes, *before.network_rx_bytes + 2 * kEchoed);
}

TEST(PodmanHostStats, GiveLimitsAndNoneWhereThereIsNone) {
  Container limited("sleep 600", {.memory_bytes = 64 << 20, .pids = 50});
  Container free("sleep 600");
  const StatsSample with = limited.start().stats();
  const StatsSample without = free.start().stats();
  EXPECT_EQ(with.memory_limit_bytes, 64U << 20);
  EXPECT_EQ(with.pids_limit, 50U);
  EXPECT_EQ(without.memory_limit_bytes, std::nullopt);
  EXPECT_EQ(with.pids, 1U);
}

TEST(PodmanHostStats, EqualTheEnginesFiguresOnceTheContainerIsQuiet) {
  Container container("sleep 600");
  container.start();
  StatsSample before;
  StatsSample after;
  Poco::JSON::Object::Ptr engines;
  for (int tries = 0; tries < 10; ++tries) {
    before = container.stats();
    engines = container.enginesStats();
    after = container.stats();
    if (before.memory_usage_bytes == after.memory_usage_bytes &&
        before.network_rx_bytes == after.network_rx_bytes)
      break;
  }
  EXPECT_EQ(after.memory_usage_bytes, number(engines, "MemUsage"));
  EXPECT_EQ(after.pids, number(engines, "PIDs"));
}

TEST(PodmanHostStats, AreGivenForAPausedContainer) {
  Container container("sleep 600");
  container.start();
  ASSERT_EQ(rawPodman("POST", kLibpod + container.id().value + "/pause").status, 204);
  EXPECT_TRUE(container.stats().memory_usage_bytes.has_value());
  ASSERT_EQ(rawPodman("POST", kLibpod + container.id().value + "/unpause").status, 204);
}

TEST(PodmanHostStats, OfAStoppedContainerAreWrongState) {
  Container container("trap 'exit 0' TERM; sleep 600 & wait");
  container.start();
  ASSERT_TRUE(container.tryStats());
  must(engine().kill(container.id(), soon()));
  const Result<StatsSample> stopped = container.tryStats();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kWrongState);
}

TEST(PodmanHostStats, OfACreatedContainerAreWrongState) {
  const Container container("sleep 600");
  const Result<StatsSample> sample = container.tryStats();
  ASSERT_FALSE(sample);
  EXPECT_EQ(sample.error().code, ErrorCode::kWrongState);
}

TEST(PodmanHostStats, OfAMissingContainerFailThatEntryOfABatchAlone) {
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

TEST(PodmanHostStats, AreOfTheNewRunAfterARestart) {
  Container container("sleep 600");
  container.start();
  const StatsSample first = container.stats();
  must(engine().restart(container.id(), {.timeout = 0s}, soon()));
  const StatsSample second = container.stats();
  EXPECT_NE(first.run, second.run);
  EXPECT_FALSE(ratesBetween(first, second).has_value());
  EXPECT_EQ(second.run.started_at, must(engine().inspect(container.id(), soon())).started_at);
}

TEST(PodmanHostStats, ComeWithoutTheEnginesSecond) {
  Container container("sleep 600");
  container.start();
  ASSERT_TRUE(container.tryStats());
  constexpr int kSweeps = 50;
  const auto start = SteadyClock::now();
  for (int sweep = 0; sweep < kSweeps; ++sweep) ASSERT_TRUE(container.tryStats());
  const auto each = (SteadyClock::now() - start) / kSweeps;
  std::cout << "one sample: " << each.count() / 1000 << " us\n";
  EXPECT_LT(each, 20ms);
  EXPECT_TRUE(must(engine().info(soon())).has(Capability::kStatsFromKernel));
}

// ---- Exits ----

TEST(PodmanHostExit, IsNoticedBeforeTheEngineKnowsWithTheRightCode) {
  Container container("trap 'exit 7' TERM; sleep 600 & wait");
  const auto watch = container.watch();
  container.start();
  container.order(SIGTERM);
  const ExitStatus noticed = must(watch->noticed(soon()));
  if (kernelTellsExitStatus()) {
    EXPECT_EQ(noticed.exit_code, 7);
  } else {
    EXPECT_TRUE(!noticed.exit_code || *noticed.exit_code == 7);
  }
  EXPECT_EQ(noticed.signal, std::nullopt);
  const ExitStatus exited = must(watch->exited(soon()));
  EXPECT_EQ(exited.exit_code, 7);
  EXPECT_EQ(exited.run, noticed.run);
  EXPECT_TRUE(exited.finished_at.has_value());
}

TEST(PodmanHostExit, IsNoticedWithinMillisecondsOfTheKill) {
  // The least of five: others use this machine too.
  auto least = SteadyClock::duration::max();
  auto least_engine = SteadyClock::duration::max();
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
    if (kernelTellsExitStatus()) {
      EXPECT_EQ(noticed.signal, Signal::kill());
      EXPECT_EQ(noticed.exit_code, 137);
    }
  }
  std::cout << "noticed after " << std::chrono::duration<double, std::milli>(least).count()
            << " ms, the engine's word after "
            << std::chrono::duration<double, std::milli>(least_engine).count() << " ms\n";
  EXPECT_LT(least, 15ms);
  EXPECT_LT(least, least_engine);
}

TEST(PodmanHostExit, OfAContainerThatEndsAtOnceIsNeverMissed) {
  for (int round = 0; round < 8; ++round) {
    Container container("exit 5");
    const auto watch = container.watch();
    must(engine().start(container.id(), soon()));
    EXPECT_EQ(must(watch->noticed(soon())).exit_code.value_or(5), 5);
    EXPECT_EQ(must(watch->exited(soon())).exit_code, 5);
  }
}

TEST(PodmanHostExit, LetsTheContainerStartAgainAtOnceOnceTheEngineHasRecordedIt) {
  Container container("sleep 600");
  for (int round = 0; round < 3; ++round) {
    const auto watch = container.watch();
    container.start();
    ASSERT_EQ(::kill(container.pid(), SIGKILL), 0);
    must(watch->exited(soon()));
  }
  EXPECT_EQ(must(engine().start(container.id(), soon())), StartOutcome::kStarted);
}

TEST(PodmanHostExit, KeepsTwoRunsApart) {
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

TEST(PodmanHostExit, OfARunThatWasOverAtOnceIsNotThatOfTheNextRun) {
  Container container("[ ! -e /ran ] || exec sleep 600; touch /ran; exit 5");
  const auto watch = container.watch();
  must(engine().start(container.id(), soon()));
  const std::string wait = kLibpod + container.id().value + "/wait";
  ASSERT_EQ(rawPodman("POST", wait).status, 200);
  must(engine().start(container.id(), soon()));
  const Result<ExitStatus> exited = watch->exited(CallContext::within(5s));
  ASSERT_TRUE(exited) << exited.error().message;
  EXPECT_EQ(exited->exit_code, 5);
}

TEST(PodmanHostExit, BySigkillIsNoOutOfMemory) {
  Container container("sleep 600", {.memory_bytes = 64 << 20});
  const auto watch = container.watch();
  container.start();
  must(engine().signal(container.id(), Signal::kill(), soon()));
  const ExitStatus exited = must(watch->exited(soon()));
  EXPECT_EQ(exited.exit_code, 137);
  EXPECT_NE(exited.oom_killed, true);
  if (kernelTellsExitStatus()) {
    EXPECT_EQ(exited.signal, Signal::kill());
  }
}

TEST(PodmanHostExit, WithCode137IsNeitherASignalNorOutOfMemory) {
  Container container("exit 137");
  const auto watch = container.watch();
  must(engine().start(container.id(), soon()));
  const ExitStatus exited = must(watch->exited(soon()));
  EXPECT_EQ(exited.exit_code, 137);
  EXPECT_EQ(exited.signal, std::nullopt);
  EXPECT_NE(exited.oom_killed, true);
}

TEST(PodmanHostExit, ForLackOfMemoryIsToldApart) {
  Container container("trap 'exec tail /dev/zero' USR1; sleep 600 & wait",
                      {.memory_bytes = 16 << 20, .memory_swap_bytes = 16 << 20});
  const auto watch = container.watch();
  container.start();
  container.order(SIGUSR1);
  const ExitStatus exited = must(watch->exited(soon()));
  EXPECT_EQ(exited.exit_code, 137);
  EXPECT_EQ(exited.oom_killed, true);
}

TEST(PodmanHostExit, OfARemovedContainerEndsTheWatch) {
  Container container("sleep 600");
  container.start();
  const auto watch = container.watch();
  ASSERT_EQ(rawPodman("DELETE", kLibpod + container.id().value + "?force=true&timeout=0").status,
            200);
  const Result<ExitStatus> exited = watch->exited(soon());
  if (exited) {
    EXPECT_EQ(exited->exit_code, 137);
  } else {
    EXPECT_EQ(exited.error().code, ErrorCode::kNotFound) << exited.error().message;
  }
}

}  // namespace
}  // namespace control

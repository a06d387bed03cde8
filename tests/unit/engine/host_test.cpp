// The kernel's own behaviour, on this host: processes in a cgroup made by the test, and containers
// of a real engine.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "engine/cgroup_limits.h"
#include "engine/cgroup_stats.h"
#include "engine/oom_watch.h"
#include "engine/process.h"
#include "engines/docker_fixture.h"
#include "engines/raw_engine.h"
#include "support/file_limit.h"
#include "support/footprint.h"

namespace control::engine {
namespace {

namespace fs = std::filesystem;
using test::FileLimit;
using test::RawContainer;

bool kernelTellsExitStatus() {
  utsname name{};
  ::uname(&name);
  int major = 0;
  int minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  return major > 6 || (major == 6 && minor >= 15);
}

/// Whether `events` come up within 10 s; `timeout_ms` 0 asks for now.
bool polls(int fd, short events, int timeout_ms = 10'000) {
  pollfd entry{fd, events, 0};
  return ::poll(&entry, 1, timeout_ms) > 0 && (entry.revents & (events | POLLHUP)) != 0;
}

/// A child that waits, in a cgroup named as a container is; it ends as the test says.
class Child {
 public:
  Child() {
    const fs::path v1 = "/sys/fs/cgroup/pids";
    id_ = "control-test-" + std::to_string(::getpid()) + "-" + std::to_string(++made);
    directory_ = (fs::exists(v1) ? v1 : fs::path("/sys/fs/cgroup")) / id_;
    fs::create_directory(directory_);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[1]);
      char code = 0;
      ::_exit(::read(ends[0], &code, 1) == 1 ? code : 99);
    }
    ::close(ends[0]);
    order_ = Descriptor(ends[1]);
    std::ofstream(directory_ / "cgroup.procs") << pid_;
  }
  ~Child() {
    if (!reaped_) {
      ::kill(pid_, SIGKILL);
      reap();
    }
    ::rmdir(directory_.c_str());
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int pid() const { return pid_; }
  const std::string& id() const { return id_; }
  void exitWith(char code) { ASSERT_EQ(::write(order_.get(), &code, 1), 1); }
  void reap() {
    ::waitpid(pid_, nullptr, 0);
    reaped_ = true;
  }

 private:
  static inline int made = 0;
  int pid_ = 0;
  bool reaped_ = false;
  Descriptor order_;
  std::string id_;
  fs::path directory_;
};

std::unique_ptr<Process> opened(const Child& child) {
  auto process = Process::open(child.pid(), child.id());
  if (!process) throw std::runtime_error(process.error().message);
  return std::move(*process);
}

TEST(HostProcess, HasNotEndedWhileItRuns) {
  const Child child;
  const auto process = opened(child);
  EXPECT_FALSE(process->ended());
  EXPECT_FALSE(polls(process->fd(), POLLIN, 0));
  EXPECT_EQ(process->waitStatus(), std::nullopt);
}

TEST(HostProcess, PollsReadableOnceItHasEnded) {
  Child child;
  const auto process = opened(child);
  child.exitWith(3);
  EXPECT_TRUE(polls(process->fd(), POLLIN));
  EXPECT_TRUE(process->ended());
}

TEST(HostProcess, TellsTheExitCodeOnceItsParentHasCollectedIt) {
  Child child;
  const auto process = opened(child);
  child.exitWith(3);
  ASSERT_TRUE(polls(process->fd(), POLLIN));
  child.reap();
  const std::optional<int> status = process->waitStatus();
  if (!kernelTellsExitStatus()) {
    EXPECT_EQ(status, std::nullopt);
    return;
  }
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(WIFEXITED(*status));
  EXPECT_EQ(WEXITSTATUS(*status), 3);
  EXPECT_TRUE(polls(process->fd(), 0));
}

TEST(HostProcess, TellsTheSignalThatEndedIt) {
  Child child;
  const auto process = opened(child);
  ::kill(child.pid(), SIGKILL);
  child.reap();
  const std::optional<int> status = process->waitStatus();
  EXPECT_EQ(status.has_value(), kernelTellsExitStatus());
  EXPECT_TRUE(!status || WTERMSIG(*status) == SIGKILL);
}

TEST(HostProcess, IsNotFoundWhenItIsInAnotherCgroup) {
  const Child child;
  const auto process = Process::open(child.pid(), std::string(64, 'a'));
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code, ErrorCode::kNotFound);
}

TEST(HostProcess, IsNotFoundAfterItsEnd) {
  Child child;
  child.exitWith(0);
  child.reap();
  const auto process = Process::open(child.pid(), child.id());
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code, ErrorCode::kNotFound);
}

TEST(HostProcess, RefusesWhatIsNoProcessId) {
  EXPECT_EQ(Process::open(0, "x").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Process::open(-1, "x").error().code, ErrorCode::kInvalidArgument);
}

TEST(HostProcess, IsNotPassedOnToPrograms) {
  const Child child;
  EXPECT_NE(::fcntl(opened(child)->fd(), F_GETFD) & FD_CLOEXEC, 0);
}

RunId runOf(const RawContainer& container) { return {{container.id()}, WallTime(Duration(1))}; }

std::unique_ptr<CgroupStats> statsOf(const RawContainer& container) {
  auto stats = CgroupStats::open(runOf(container), container.pid());
  if (!stats) throw std::runtime_error(stats.error().message);
  return std::move(*stats);
}

std::uint64_t number(const Poco::JSON::Object::Ptr& object, const std::string& key) {
  return object->getValue<Poco::UInt64>(key);
}

TEST(HostStats, EqualTheEnginesFigures) {
  const RawContainer container("sleep 600", R"({"Memory":67108864,"PidsLimit":50})");
  const auto stats = statsOf(container);
  // A container that has just started still gives back what starting it took, threads too.
  Result<StatsSample> before = stats->sample(*systemClock());
  Result<StatsSample> after = before;
  Poco::JSON::Object::Ptr engines;
  const auto rests = [&] {
    return before->memory_usage_bytes == after->memory_usage_bytes && before->pids == after->pids;
  };
  for (int tries = 0; tries < 10 && (tries == 0 || !rests()); ++tries) {
    before = stats->sample(*systemClock());
    engines = container.stats();
    after = stats->sample(*systemClock());
    ASSERT_TRUE(before && after);
  }
  const auto memory = engines->getObject("memory_stats");
  const char* const inactive_file = memory->getObject("stats")->has("total_inactive_file")
                                        ? "total_inactive_file"
                                        : "inactive_file";
  EXPECT_EQ(after->memory_limit_bytes, number(memory, "limit"));
  EXPECT_EQ(after->memory_usage_bytes, number(memory, "usage"));
  EXPECT_EQ(after->memory_working_set_bytes,
            number(memory, "usage") - number(memory->getObject("stats"), inactive_file));
  const auto pids = engines->getObject("pids_stats");
  EXPECT_EQ(after->pids, number(pids, "current"));
  EXPECT_EQ(after->pids_limit, number(pids, "limit"));
  const auto cpu = static_cast<std::int64_t>(
      number(engines->getObject("cpu_stats")->getObject("cpu_usage"), "total_usage"));
  EXPECT_GE(cpu, before->cpu_time->count());
  EXPECT_LE(cpu, after->cpu_time->count());
  const auto network = engines->getObject("networks")->getObject("eth0");
  EXPECT_GE(number(network, "rx_bytes"), *before->network_rx_bytes);
  EXPECT_LE(number(network, "rx_bytes"), *after->network_rx_bytes);
  EXPECT_EQ(after->oom_kills, 0U);
  EXPECT_TRUE(after->block_read_bytes.has_value());
  EXPECT_TRUE(after->cpu_throttled.has_value());
}

TEST(HostStats, SayThatTheRunIsOver) {
  RawContainer container("sleep 600");
  const auto stats = statsOf(container);
  ASSERT_TRUE(stats->sample(*systemClock()));
  container.remove();
  const Result<StatsSample> sample = stats->sample(*systemClock());
  ASSERT_FALSE(sample);
  EXPECT_EQ(sample.error().code, ErrorCode::kWrongState);
}

TEST(HostStats, NeverGiveTheNextRunsFiguresWithFewDescriptorsEither) {
  const RawContainer container("sleep 600");
  const auto stats = statsOf(container);
  std::unique_ptr<CgroupStats> frugal;
  {
    const FileLimit limit(38);  // its half has no room for twice ten

    frugal = statsOf(container);
  }
  ASSERT_TRUE(stats->sample(*systemClock()));
  ASSERT_TRUE(frugal->sample(*systemClock()));
  ASSERT_EQ(test::rawDocker("POST", "/containers/" + container.id() + "/restart?t=0").status, 204);
  EXPECT_FALSE(stats->sample(*systemClock()));
  EXPECT_FALSE(frugal->sample(*systemClock()));
}

void update(const RawContainer& container, const std::string& limits) {
  ASSERT_EQ(test::rawDocker("POST", "/containers/" + container.id() + "/update", limits).status,
            200);
}

TEST(HostLimits, AreThoseThatHoldNow) {
  const RawContainer container("sleep 600", R"({"Memory":67108864,"PidsLimit":50})");
  CgroupLimits limits;
  const auto first = limits.read(container.pid(), container.id());
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->memory_bytes, 64 << 20);
  EXPECT_EQ(first->pids, 50);
  update(container, R"({"PidsLimit":60,"CpuQuota":50000,"CpuPeriod":100000})");
  const auto then = limits.read(container.pid(), container.id());
  ASSERT_TRUE(then) << then.error().message;
  EXPECT_EQ(then->pids, 60);
  EXPECT_EQ(then->nano_cpus, 500'000'000);
}

TEST(HostLimits, AreThoseOfTheNextRunAfterARestart) {
  const RawContainer container("sleep 600", R"({"PidsLimit":50})");
  CgroupLimits limits;
  ASSERT_TRUE(limits.read(container.pid(), container.id()));
  ASSERT_EQ(test::rawDocker("POST", "/containers/" + container.id() + "/restart?t=0").status, 204);
  update(container, R"({"PidsLimit":70})");
  const auto pid = container.inspect()->getObject("State")->getValue<int>("Pid");
  const auto next = limits.read(pid, container.id());
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->pids, 70);
}

TEST(HostLimits, OfRunsThatAreOverAreLetGo) {
  CgroupLimits limits;
  std::size_t most = 0;
  const std::size_t before = test::Footprint::now().descriptors;
  for (int i = 0; i < 200; ++i) {
    const Child child;
    ASSERT_TRUE(limits.read(child.pid(), child.id()));
    most = std::max(most, test::Footprint::now().descriptors - before);
  }
  EXPECT_LT(most, 100U) << "one file each stays open";
}

TEST(HostOom, IsNoticedWhenProcess1IsKilled) {
  const RawContainer container("trap 'exec tail /dev/zero' USR1; sleep 600 & wait",
                               R"({"Memory":16777216,"MemorySwap":16777216})");
  const auto watch = OomWatch::open(container.pid(), container.id());
  ASSERT_TRUE(watch) << watch.error().message;
  EXPECT_EQ((*watch)->kills(), 0U);
  container.untilItHandles(SIGUSR1);
  container.signal(SIGUSR1);
  EXPECT_TRUE(polls((*watch)->fd(), (*watch)->pollEvents()));
  EXPECT_EQ(container.wait(), 137);
}

TEST(HostOom, EndsWhenTheCgroupHasGone) {
  RawContainer container("sleep 600");
  const auto watch = OomWatch::open(container.pid(), container.id());
  ASSERT_TRUE(watch) << watch.error().message;
  EXPECT_FALSE(polls((*watch)->fd(), (*watch)->pollEvents(), 0));
  container.remove();
  EXPECT_EQ((*watch)->kills(), std::nullopt);
}

TEST(HostOom, CountsTheKillOfAChildOfARunningContainer) {
  const RawContainer container("trap 'tail /dev/zero' USR1; while :; do sleep 600 & wait; done",
                               R"({"Memory":16777216,"MemorySwap":16777216})");
  const auto watch = OomWatch::open(container.pid(), container.id());
  ASSERT_TRUE(watch) << watch.error().message;
  container.untilItHandles(SIGUSR1);
  container.signal(SIGUSR1);
  std::optional<std::uint64_t> kills = 0;
  // The notification of v1 comes before the kill is counted.
  for (int tries = 0; kills == 0U && tries < 100; ++tries) {
    polls((*watch)->fd(), (*watch)->pollEvents(), 100);
    kills = (*watch)->kills();
  }
  EXPECT_EQ(kills, 1U);
}

TEST(HostProcess, OfAContainerTellsItsExitCode) {
  const RawContainer container("trap 'exit 7' TERM; sleep 600 & wait");
  auto process = Process::open(container.pid(), container.id());
  ASSERT_TRUE(process) << process.error().message;
  container.untilItHandles(SIGTERM);
  container.signal(SIGTERM);
  ASSERT_TRUE(polls((*process)->fd(), POLLIN));
  EXPECT_TRUE(polls((*process)->fd(), 0));  // collected by the shim
  const std::optional<int> status = (*process)->waitStatus();
  EXPECT_EQ(status.has_value(), kernelTellsExitStatus());
  EXPECT_TRUE(!status || WEXITSTATUS(*status) == 7);
  EXPECT_EQ(container.wait(), 7);
}

}  // namespace
}  // namespace control::engine

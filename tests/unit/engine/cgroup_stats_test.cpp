#include "engine/cgroup_stats.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cgroup_trees.h"
#include "engine/descriptor.h"
#include "engine/oom_watch.h"
#include "support/file_limit.h"
#include "support/footprint.h"

namespace control::engine {
namespace {

using control::test::FileLimit;
using test::MadeTree;
using test::Object;
using test::Recorded;
using test::write;
namespace fs = test::fs;

StatsSample sampleOf(const Recorded& recorded) {
  auto opened = CgroupStats::open(recorded.run, recorded.pid(), recorded.roots());
  if (!opened) {
    ADD_FAILURE() << opened.error().message;
    return {};
  }
  Result<StatsSample> taken = (*opened)->sample(*systemClock());
  if (!taken) ADD_FAILURE() << taken.error().message;
  return taken.value_or(StatsSample{});
}

std::uint64_t number(const Object& object, const std::string& key) {
  return object->getValue<Poco::UInt64>(key);
}

/// The recordings of files and answers are some milliseconds to seconds apart.
constexpr std::uint64_t kMemoryDrift = 64 * 1024;

void expectNear(std::optional<std::uint64_t> ours, std::uint64_t engines, std::uint64_t drift) {
  ASSERT_TRUE(ours.has_value());
  EXPECT_LE(*ours > engines ? *ours - engines : engines - *ours, drift)
      << *ours << " against the engine's " << engines;
}

class DockerTree : public testing::TestWithParam<const char*> {};

TEST_P(DockerTree, GivesTheFiguresOfTheEnginesApi) {
  const Recorded recorded(GetParam());
  const StatsSample sample = sampleOf(recorded);
  const Object memory = recorded.stats->getObject("memory_stats");
  expectNear(sample.memory_usage_bytes, number(memory, "usage"), kMemoryDrift);
  expectNear(sample.memory_working_set_bytes,
             number(memory, "usage") - number(memory->getObject("stats"), "inactive_file"),
             kMemoryDrift);
  expectNear(sample.pids, number(recorded.stats->getObject("pids_stats"), "current"), 0);
  const Object network = recorded.stats->getObject("networks")->getObject("eth0");
  expectNear(sample.network_rx_bytes, number(network, "rx_bytes"), 2000);
  expectNear(sample.network_tx_bytes, number(network, "tx_bytes"), 2000);
  // The files were read before the engine was asked.
  const Object cpu = recorded.stats->getObject("cpu_stats")->getObject("cpu_usage");
  ASSERT_TRUE(sample.cpu_time.has_value());
  const auto engines = static_cast<std::int64_t>(number(cpu, "total_usage"));
  EXPECT_LE(sample.cpu_time->count(), engines);
  EXPECT_GT(sample.cpu_time->count(), engines - 2'000'000'000);
}

INSTANTIATE_TEST_SUITE_P(, DockerTree,
                         testing::Values("docker_systemd_burn", "docker_systemd_memory",
                                         "docker_systemd_limits", "docker_systemd_nested",
                                         "docker_cgroupfs_network", "docker_cgroupfs_io",
                                         "docker_cgroupfs_oom"),
                         [](const auto& each) { return std::string(each.param); });

class PodmanTree : public testing::TestWithParam<const char*> {};

TEST_P(PodmanTree, GivesTheFiguresOfTheEnginesApi) {
  const Recorded recorded(GetParam());
  const StatsSample sample = sampleOf(recorded);
  ASSERT_TRUE(sample.cpu_time.has_value());
  EXPECT_EQ(sample.cpu_time->count(), static_cast<std::int64_t>(number(recorded.stats, "CPUNano")));
  expectNear(sample.pids, number(recorded.stats, "PIDs"), 0);
  expectNear(sample.block_read_bytes, number(recorded.stats, "BlockInput"), 0);
  expectNear(sample.block_write_bytes, number(recorded.stats, "BlockOutput"), 0);
  const Object network = recorded.stats->getObject("Network")->getObject("eth0");
  expectNear(sample.network_rx_bytes, number(network, "RxBytes"), 2000);
  expectNear(sample.network_tx_bytes, number(network, "TxBytes"), 2000);
}

INSTANTIATE_TEST_SUITE_P(, PodmanTree,
                         testing::Values("podman_systemd_crun_memory", "podman_systemd_crun_limits",
                                         "podman_cgroupfs_network"),
                         [](const auto& each) { return std::string(each.param); });

TEST(CgroupStats, NamesTheRunItWasOpenedFor) {
  const Recorded recorded("docker_systemd_burn");
  EXPECT_EQ(sampleOf(recorded).run, recorded.run);
}

TEST(CgroupStats, GivesThrottledTimeOfALimitedContainer) {
  EXPECT_EQ(sampleOf(Recorded("docker_systemd_burn")).cpu_throttled, Duration(18776214000));
}

TEST(CgroupStats, LeavesOutAMemoryLimitOfMax) {
  EXPECT_EQ(sampleOf(Recorded("docker_systemd_burn")).memory_limit_bytes, std::nullopt);
  EXPECT_EQ(sampleOf(Recorded("podman_pod")).memory_limit_bytes, std::nullopt);
}

TEST(CgroupStats, GivesTheMemoryLimit) {
  EXPECT_EQ(sampleOf(Recorded("docker_systemd_memory")).memory_limit_bytes, 64U << 20);
  EXPECT_EQ(sampleOf(Recorded("podman_systemd_crun_limits")).memory_limit_bytes, 96U << 20);
}

TEST(CgroupStats, LeavesOutAPidsLimitOfMax) {
  EXPECT_EQ(sampleOf(Recorded("docker_cgroupfs_network")).pids_limit, std::nullopt);
}

TEST(CgroupStats, GivesThePidsLimit) {
  EXPECT_EQ(sampleOf(Recorded("docker_systemd_limits")).pids_limit, 50U);
  EXPECT_EQ(sampleOf(Recorded("podman_rootless")).pids_limit, 20U);
}

TEST(CgroupStats, CountsKillsAndNotAttempts) {
  EXPECT_EQ(sampleOf(Recorded("docker_cgroupfs_oom")).oom_kills, 1U);
  EXPECT_EQ(sampleOf(Recorded("docker_systemd_burn")).oom_kills, 0U);
}

TEST(CgroupStats, GivesBlockBytes) {
  const StatsSample sample = sampleOf(Recorded("docker_cgroupfs_io"));
  EXPECT_EQ(sample.block_read_bytes, 8U << 20);
  EXPECT_EQ(sample.block_write_bytes, 16U << 20);
}

TEST(CgroupStats, LeavesOutBlockBytesWithoutTheIoController) {
  const StatsSample sample = sampleOf(Recorded("podman_rootless"));
  EXPECT_EQ(sample.block_read_bytes, std::nullopt);
  EXPECT_EQ(sample.block_write_bytes, std::nullopt);
  EXPECT_TRUE(sample.cpu_time.has_value());
}

TEST(CgroupStats, LeavesOutNetworkTrafficOnTheHostsNetwork) {
  const StatsSample sample = sampleOf(Recorded("docker_network_host"));
  EXPECT_EQ(sample.network_rx_bytes, std::nullopt);
  EXPECT_EQ(sample.network_tx_bytes, std::nullopt);
  EXPECT_TRUE(sample.memory_usage_bytes.has_value());
}

TEST(CgroupStats, ReadsTheContainerOfAPodAndNotThePod) {
  EXPECT_EQ(sampleOf(Recorded("podman_pod")).memory_usage_bytes, 229376U);
}

TEST(CgroupStats, CountsWhatProcess1MovedBelowItsCgroup) {
  // The inner cgroup has used 12 ms only.
  EXPECT_EQ(sampleOf(Recorded("docker_systemd_nested")).cpu_time, Duration(621618000));
}

TEST(CgroupStats, RefusesAProcessOfAnotherContainer) {
  Recorded recorded("docker_systemd_burn");
  recorded.run.container.value = std::string(64, 'f');
  const auto opened = CgroupStats::open(recorded.run, recorded.pid(), recorded.roots());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kNotFound);
}

TEST(CgroupStats, RefusesAProcessThatIsNotThere) {
  const Recorded recorded("docker_systemd_burn");
  const auto opened = CgroupStats::open(recorded.run, recorded.pid() + 1, recorded.roots());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kNotFound);
}

class StatsTree : public MadeTree {
 protected:
  Result<std::unique_ptr<CgroupStats>> open() const { return CgroupStats::open(run_, 7, roots()); }
};

TEST_F(StatsTree, ReadsCoMountedControllersOfV1) {
  make("2:cpu,cpuacct:" + path() + "\n3:memory:" + path() + "\n",
       "1 1 0:1 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
       "1 1 0:2 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  write(root_ / ("cgroup/cpu,cpuacct" + path() + "/cpuacct.usage"), "5000\n");
  write(root_ / ("cgroup/cpu,cpuacct" + path() + "/cpu.stat"),
        "nr_periods 9\nnr_throttled 3\nthrottled_time 77\n");
  write(root_ / ("cgroup/memory" + path() + "/memory.usage_in_bytes"), "1000\n");
  write(root_ / ("cgroup/memory" + path() + "/memory.stat"),
        "inactive_file 1\ntotal_inactive_file 400\n");
  write(root_ / ("cgroup/memory" + path() + "/memory.limit_in_bytes"), "9223372036854771712\n");
  const auto stats = open();
  ASSERT_TRUE(stats) << stats.error().message;
  const Result<StatsSample> sample = (*stats)->sample(*systemClock());
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->cpu_time, Duration(5000));
  EXPECT_EQ(sample->cpu_throttled, Duration(77));
  EXPECT_EQ(sample->memory_usage_bytes, 1000U);
  EXPECT_EQ(sample->memory_working_set_bytes, 600U);
  EXPECT_EQ(sample->memory_limit_bytes, std::nullopt);
  EXPECT_EQ(sample->pids, std::nullopt);
  EXPECT_EQ(sample->oom_kills, std::nullopt);
}

TEST_F(StatsTree, PrefersV1OnHybridHosts) {
  make("2:memory:" + path() + "\n0::" + path() + "\n",
       "1 1 0:1 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
       "1 1 0:2 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  write(root_ / ("cgroup/memory" + path() + "/memory.usage_in_bytes"), "1000\n");
  write(root_ / ("cgroup/unified" + path() + "/memory.current"), "1\n");
  write(root_ / ("cgroup/unified" + path() + "/cpu.stat"), "usage_usec 9\n");
  const auto stats = open();
  ASSERT_TRUE(stats) << stats.error().message;
  const Result<StatsSample> sample = (*stats)->sample(*systemClock());
  EXPECT_EQ(sample->memory_usage_bytes, 1000U);
  EXPECT_EQ(sample->cpu_time, Duration(9000));
}

TEST_F(StatsTree, NeverReadsAControllersRootForAContainerThatIsNotInIt) {
  make("2:memory:" + path() + "\n3:pids:/\n",
       "1 1 0:1 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
       "1 1 0:2 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  write(root_ / ("cgroup/memory" + path() + "/memory.usage_in_bytes"), "1000\n");
  write(root_ / "cgroup/pids/pids.current", "555\n");
  const auto stats = open();
  ASSERT_TRUE(stats) << stats.error().message;
  EXPECT_EQ((*stats)->sample(*systemClock())->pids, std::nullopt);
}

TEST_F(StatsTree, SaysUnsupportedWhenNoCgroupIsMounted) {
  make("0::/docker/" + container() + "\n", "1 1 0:1 / /proc rw - proc proc rw\n");
  const auto stats = open();
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, ErrorCode::kUnsupported);
}

TEST_F(StatsTree, LeavesOutFiguresThatMakeNoSense) {
  makeV2();
  write(root_ / ("cgroup" + path() + "/memory.current"), "lots\n");
  write(root_ / ("cgroup" + path() + "/memory.stat"), "inactive_file 5\n");
  write(root_ / ("cgroup" + path() + "/pids.current"), "-1\n");
  write(root_ / ("cgroup" + path() + "/io.stat"), std::string(20000, 'x'));
  const auto stats = open();
  ASSERT_TRUE(stats) << stats.error().message;
  const Result<StatsSample> sample = (*stats)->sample(*systemClock());
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->memory_usage_bytes, std::nullopt);
  EXPECT_EQ(sample->memory_working_set_bytes, std::nullopt);
  EXPECT_EQ(sample->pids, std::nullopt);
  EXPECT_EQ(sample->block_read_bytes, std::nullopt);
}

TEST_F(StatsTree, GivesAWorkingSetOfZeroWhenTheCacheIsReadGreaterThanTheWhole) {
  makeV2();
  write(root_ / ("cgroup" + path() + "/memory.current"), "100\n");
  write(root_ / ("cgroup" + path() + "/memory.stat"), "inactive_file 150\n");
  EXPECT_EQ(open().value()->sample(*systemClock())->memory_working_set_bytes, 0U);
}

TEST(CgroupStatsDescriptors, AreGivenBackWithTheObject) {
  const Recorded recorded("docker_systemd_burn");
  const std::size_t before = control::test::Footprint::now().descriptors;
  { (void)sampleOf(recorded); }
  EXPECT_EQ(control::test::Footprint::now().descriptors, before);
}

TEST(CgroupStatsDescriptors, StayFewWhenTheLimitIsNear) {
  const Recorded recorded("docker_cgroupfs_network");
  const FileLimit limit(64);
  const std::size_t before = control::test::Footprint::now().descriptors;
  std::vector<std::unique_ptr<CgroupStats>> all;
  for (int i = 0; i < 8; ++i) {
    auto opened = CgroupStats::open(recorded.run, recorded.pid(), recorded.roots());
    ASSERT_TRUE(opened) << opened.error().message;
    all.push_back(std::move(*opened));
  }
  // Three with 9 files each (32 is half of the limit), the others with 2.
  EXPECT_EQ(control::test::Footprint::now().descriptors - before, 3U * 9 + 5U * 2);
  EXPECT_EQ(all.back()->sample(*systemClock())->memory_usage_bytes, 331776U);
}

TEST(CgroupStatsDescriptors, WhenUsedUpAreAnErrorThatSaysSo) {
  const Recorded recorded("docker_cgroupfs_network");
  const FileLimit limit(64);
  std::vector<Descriptor> used;
  do used.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  while (used.back());
  used.resize(used.size() - 2);  // the failed one, and one to be free
  const auto opened = CgroupStats::open(recorded.run, recorded.pid(), recorded.roots());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kResourceExhausted);
}

TEST(OomWatch, CountsTheKillsOfARecordedTree) {
  const Recorded recorded("docker_cgroupfs_oom");
  const auto watch = OomWatch::open(recorded.pid(), recorded.run.container.value, recorded.roots());
  ASSERT_TRUE(watch) << watch.error().message;
  EXPECT_EQ((*watch)->kills(), 1U);
}

TEST_F(StatsTree, HasNoOomWatchWithoutTheMemoryController) {
  makeV2();
  write(root_ / ("cgroup" + path() + "/pids.current"), "1\n");
  const auto watch = OomWatch::open(7, container(), roots());
  ASSERT_FALSE(watch);
  EXPECT_EQ(watch.error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace control::engine

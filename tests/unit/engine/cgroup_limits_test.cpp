#include "engine/cgroup_limits.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "cgroup_trees.h"
#include "support/file_limit.h"
#include "support/footprint.h"

namespace control::engine {
namespace {

using control::test::FileLimit;
using test::MadeTree;
using test::Recorded;
using test::write;

ResourceLimits limitsOf(const Recorded& recorded) {
  const auto limits =
      CgroupLimits(recorded.roots()).read(recorded.pid(), recorded.run.container.value);
  EXPECT_TRUE(limits) << limits.error().message;
  return limits.value_or(ResourceLimits{});
}

TEST(CgroupLimits, AreThoseOfTheRecordedContainers) {
  EXPECT_EQ(limitsOf(Recorded("docker_systemd_limits")),
            (ResourceLimits{.memory_bytes = 128 << 20, .pids = 50}));
  EXPECT_EQ(limitsOf(Recorded("docker_cgroupfs_oom")), (ResourceLimits{.memory_bytes = 32 << 20}));
  EXPECT_EQ(limitsOf(Recorded("podman_systemd_crun_limits")),
            (ResourceLimits{.memory_bytes = 96 << 20, .pids = 50}));
  EXPECT_EQ(limitsOf(Recorded("podman_rootless")),
            (ResourceLimits{.memory_bytes = 64 << 20, .pids = 20}));
}

TEST(CgroupLimits, LeaveOutWhatHasNone) {
  EXPECT_EQ(limitsOf(Recorded("docker_cgroupfs_io")), ResourceLimits{});
  EXPECT_EQ(limitsOf(Recorded("podman_pod")), (ResourceLimits{.pids = 2048}));
}

TEST(CgroupLimits, RefuseAProcessOfAnotherContainerOrNone) {
  const Recorded recorded("docker_systemd_limits");
  const auto other = CgroupLimits(recorded.roots()).read(recorded.pid(), std::string(64, 'f'));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kNotFound);
  const auto none =
      CgroupLimits(recorded.roots()).read(recorded.pid() + 1, recorded.run.container.value);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

class LimitsTree : public MadeTree {
 protected:
  void v2(const std::string& file, const std::string& text) {
    write(root_ / ("cgroup" + path() + "/" + file), text);
  }
  void makeV1() {
    make("2:cpu,cpuacct:" + path() + "\n3:memory:" + path() + "\n4:pids:" + path() + "\n",
         "1 1 0:1 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
         "1 1 0:2 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
         "1 1 0:3 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n");
  }
  void v1(const std::string& controller, const std::string& file, const std::string& text) {
    write(root_ / ("cgroup/" + controller + path() + "/" + file), text);
  }
  ResourceLimits read() {
    const auto limits = limits_.read(7, container());
    EXPECT_TRUE(limits) << limits.error().message;
    return limits.value_or(ResourceLimits{});
  }

  CgroupLimits limits_{roots()};
};

TEST_F(LimitsTree, AreReadAnewWhereTheyWere) {
  makeV2();
  for (const char* file : {"memory.max", "memory.swap.max", "pids.max"}) v2(file, "max\n");
  v2("cpu.max", "max 100000\n");
  EXPECT_EQ(read(), ResourceLimits{});
  v2("pids.max", "50\n");
  EXPECT_EQ(read(), (ResourceLimits{.pids = 50}));
  std::filesystem::remove(root_ / "proc/7/cgroup");
  EXPECT_EQ(read(), (ResourceLimits{.pids = 50})) << "it was looked for once more";
}

TEST_F(LimitsTree, AreLookedForOnceMoreWhereTheyAreGone) {
  makeV2();
  for (const char* file : {"memory.max", "memory.swap.max", "cpu.max"}) v2(file, "max\n");
  v2("pids.max", "50\n");
  const FileLimit none_to_keep(8);
  EXPECT_EQ(read(), (ResourceLimits{.pids = 50}));
  std::filesystem::remove_all(root_ / "cgroup");
  std::filesystem::remove(root_ / "proc/7/cgroup");
  const auto gone = limits_.read(7, container());
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::kNotFound);
}

TEST_F(LimitsTree, KeepTheirFilesOpenUntilTheyAreForgotten) {
  makeV2();
  for (const char* file : {"memory.max", "memory.swap.max", "cpu.max", "pids.max"})
    v2(file, "max\n");
  const std::size_t before = control::test::Footprint::now().descriptors;
  (void)read();
  (void)read();
  EXPECT_EQ(control::test::Footprint::now().descriptors, before + 4);
  limits_.forget(container());
  EXPECT_EQ(control::test::Footprint::now().descriptors, before);
}

TEST_F(LimitsTree, AreReadWithoutAnyFileKeptToo) {
  makeV2();
  v2("pids.max", "50\n");
  const FileLimit none_to_keep(8);
  EXPECT_EQ(read(), (ResourceLimits{.pids = 50}));
  v2("pids.max", "51\n");
  EXPECT_EQ(read(), (ResourceLimits{.pids = 51}));
}

TEST_F(LimitsTree, OfV2CountSwapOnTopOfMemory) {
  makeV2();
  v2("memory.max", "67108864\n");
  v2("memory.swap.max", "33554432\n");
  v2("cpu.max", "50000 100000\n");
  v2("pids.max", "max\n");
  EXPECT_EQ(read(), (ResourceLimits{.memory_bytes = 64 << 20,
                                    .memory_swap_bytes = 96 << 20,
                                    .nano_cpus = 500'000'000}));
}

TEST_F(LimitsTree, OfV2TellUnlimitedSwapOfLimitedMemoryOnly) {
  makeV2();
  v2("memory.max", "67108864\n");
  v2("memory.swap.max", "max\n");
  v2("cpu.max", "max 100000\n");
  EXPECT_EQ(read(), (ResourceLimits{.memory_bytes = 64 << 20, .memory_swap_bytes = -1}));
  v2("memory.max", "max\n");
  EXPECT_EQ(read(), ResourceLimits{});
}

TEST_F(LimitsTree, OfV1AreTakenAsTheyStand) {
  makeV1();
  v1("memory", "memory.limit_in_bytes", "67108864\n");
  v1("memory", "memory.memsw.limit_in_bytes", "100663296\n");
  v1("cpu,cpuacct", "cpu.cfs_quota_us", "150000\n");
  v1("cpu,cpuacct", "cpu.cfs_period_us", "100000\n");
  v1("pids", "pids.max", "50\n");
  EXPECT_EQ(read(), (ResourceLimits{.memory_bytes = 64 << 20,
                                    .memory_swap_bytes = 96 << 20,
                                    .nano_cpus = 1'500'000'000,
                                    .pids = 50}));
}

TEST_F(LimitsTree, OfV1KnowTheNumbersThatMeanNone) {
  makeV1();
  v1("memory", "memory.limit_in_bytes", "67108864\n");
  v1("memory", "memory.memsw.limit_in_bytes", "9223372036854771712\n");
  v1("cpu,cpuacct", "cpu.cfs_quota_us", "-1\n");
  v1("cpu,cpuacct", "cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(read(), (ResourceLimits{.memory_bytes = 64 << 20, .memory_swap_bytes = -1}));
  v1("memory", "memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(read(), ResourceLimits{});
}

TEST_F(LimitsTree, ThatMakeNoSenseAreLeftOut) {
  makeV2();
  v2("memory.max", "much\n");
  v2("memory.swap.max", "5\n");
  v2("cpu.max", "50000 0\n");
  v2("pids.max", "18446744073709551615\n");
  EXPECT_EQ(read(), ResourceLimits{});
  v2("cpu.max", "50000\n");
  EXPECT_EQ(read(), ResourceLimits{});
}

}  // namespace
}  // namespace control::engine

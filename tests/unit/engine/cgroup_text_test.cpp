#include "engine/cgroup_text.h"

#include <gtest/gtest.h>

namespace control::engine {
namespace {

const std::string kId(64, 'a');

TEST(ParseCount, ReadsOneNumber) {
  EXPECT_EQ(parseCount("4096\n"), 4096U);
  EXPECT_EQ(parseCount("0"), 0U);
  EXPECT_EQ(parseCount("18446744073709551615\n"), 18446744073709551615U);
}

TEST(ParseCount, GivesNothingForAnythingElse) {
  for (std::string_view text : {"", "\n", "max\n", "-1\n", "+1\n", " 1\n", "1 \n", "1\n\n", "1.5\n",
                                "0x10\n", "18446744073709551616\n", "12a\n"})
    EXPECT_EQ(parseCount(text), std::nullopt) << '"' << text << '"';
}

TEST(ParseLimitV1, TakesTheKernelsHugeValueForNoLimit) {
  EXPECT_EQ(parseLimitV1("9223372036854771712\n"), std::nullopt);  // pages of 4 KiB
  EXPECT_EQ(parseLimitV1("9223372036854710272\n"), std::nullopt);  // pages of 64 KiB
  EXPECT_EQ(parseLimitV1("67108864\n"), 67108864U);
}

TEST(ParseKeyed, FindsTheLineOfTheWholeKey) {
  const std::string_view text = "oom 2\noom_kill 1\noom_group_kill 7\n";
  EXPECT_EQ(parseKeyed(text, "oom"), 2U);
  EXPECT_EQ(parseKeyed(text, "oom_kill"), 1U);
  EXPECT_EQ(parseKeyed(text, "kill"), std::nullopt);
  EXPECT_EQ(parseKeyed(text, "oom_kil"), std::nullopt);
}

TEST(ParseKeyed, GivesNothingForANumberThatIsNone) {
  EXPECT_EQ(parseKeyed("usage_usec -5\n", "usage_usec"), std::nullopt);
  EXPECT_EQ(parseKeyed("usage_usec \n", "usage_usec"), std::nullopt);
  EXPECT_EQ(parseKeyed("usage_usec", "usage_usec"), std::nullopt);
  EXPECT_EQ(parseKeyed("", "usage_usec"), std::nullopt);
}

TEST(Microseconds, GiveNothingWhenTheyDoNotFit) {
  EXPECT_EQ(microseconds(5), Duration(5000));
  EXPECT_EQ(microseconds(9223372036854775U), Duration(9223372036854775000));
  EXPECT_EQ(microseconds(9223372036854776U), std::nullopt);
  EXPECT_EQ(microseconds(std::nullopt), std::nullopt);
}

TEST(Nanoseconds, GiveNothingWhenTheyDoNotFit) {
  EXPECT_EQ(nanoseconds(9223372036854775807U), Duration::max());
  EXPECT_EQ(nanoseconds(9223372036854775808U), std::nullopt);
}

constexpr std::string_view kNetDevHeadings =
    "Inter-|   Receive                 |  Transmit\n face |bytes packets |bytes packets\n";

TEST(ParseNetDev, SumsAllInterfacesButLoopback) {
  const std::string text = std::string(kNetDevHeadings) +
                           "    lo: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n"
                           "  eth0: 100 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n"
                           "eth1:50 1 0 0 0 0 0 0 4 1 0 0 0 0 0 0\n";
  EXPECT_EQ(parseNetDev(text), (ByteCounters{150, 34}));
}

TEST(ParseNetDev, GivesZeroForANetworkWithLoopbackAlone) {
  const std::string text =
      std::string(kNetDevHeadings) + "    lo: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n";
  EXPECT_EQ(parseNetDev(text), (ByteCounters{0, 0}));
}

TEST(ParseNetDev, GivesNothingForALineThatIsCutShort) {
  EXPECT_EQ(parseNetDev(std::string(kNetDevHeadings) + "  eth0: 100 1 0 0 0 0 0 0 30\n"),
            std::nullopt);
  EXPECT_EQ(parseNetDev(std::string(kNetDevHeadings) + "  eth0\n"), std::nullopt);
  EXPECT_EQ(parseNetDev(""), std::nullopt);
}

TEST(ParseNetDev, GivesNothingWhenASumOverflows) {
  const std::string line = "e: 18446744073709551615 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0\n";
  EXPECT_EQ(parseNetDev(std::string(kNetDevHeadings) + line + line), std::nullopt);
}

TEST(ParseIoStat, SumsAllDevices) {
  EXPECT_EQ(parseIoStat("254:0 rbytes=8 wbytes=16 rios=1 wios=2 dbytes=0 dios=0\n"
                        "8:16 rbytes=1 wbytes=2 rios=1 wios=2 dbytes=9 dios=0 cost.wait=5\n"),
            (ByteCounters{9, 18}));
}

TEST(ParseIoStat, TakesAnEmptyFileForNoInputAndOutput) {
  EXPECT_EQ(parseIoStat(""), (ByteCounters{0, 0}));
}

TEST(ParseIoStat, AcceptsADeviceWithNothingBehindIt) {
  EXPECT_EQ(parseIoStat("7:0 \n254:0 rbytes=8 wbytes=16\n"), (ByteCounters{8, 16}));
}

TEST(ParseIoStat, GivesNothingForNonsense) {
  EXPECT_EQ(parseIoStat("254:0 rbytes=x wbytes=16\n"), std::nullopt);
  EXPECT_EQ(parseIoStat("garbage\n"), std::nullopt);
}

TEST(ParseBlkio, SumsReadsAndWritesOfAllDevices) {
  EXPECT_EQ(parseBlkio("8:0 Read 10\n8:0 Write 3\n8:0 Sync 1\n8:0 Total 13\n"
                       "8:16 Read 5\n8:16 Write 1\nTotal 19\n"),
            (ByteCounters{15, 4}));
  EXPECT_EQ(parseBlkio("Total 0\n"), (ByteCounters{0, 0}));
}

TEST(ParseBlkio, GivesNothingForAFileWithoutItsLastLine) {
  EXPECT_EQ(parseBlkio("8:0 Read 10\n"), std::nullopt);
  EXPECT_EQ(parseBlkio(""), std::nullopt);
  EXPECT_EQ(parseBlkio("8:0 Read ten\nTotal 10\n"), std::nullopt);
}

TEST(ParseProcCgroup, TellsUnifiedFromNamedHierarchies) {
  const std::vector<CgroupLine> lines =
      parseProcCgroup("4:cpu,cpuacct:/docker/x\n1:name=systemd:/a:b\n0::/docker/x (deleted)\n");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].controllers, (std::vector<std::string_view>{"cpu", "cpuacct"}));
  EXPECT_FALSE(lines[0].unified);
  EXPECT_EQ(lines[1].path, "/a:b");
  EXPECT_TRUE(lines[2].unified);
  EXPECT_EQ(lines[2].path, "/docker/x");
}

TEST(ParseProcCgroup, LeavesOutLinesThatAreNone) {
  EXPECT_TRUE(parseProcCgroup("garbage\n::\n1:memory\n1:memory:relative\n\n").empty());
}

TEST(ParseCgroupMounts, ReadsBothVersionsAndLeavesOutTheRest) {
  const std::vector<CgroupMount> mounts = parseCgroupMounts(
      "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "41 31 0:38 /a\\040b /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
      "nonsense\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_FALSE(mounts[0].unified);
  EXPECT_EQ(mounts[0].mount_point, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(mounts[0].controllers, (std::vector<std::string>{"rw", "cpu", "cpuacct"}));
  EXPECT_TRUE(mounts[1].unified);
  EXPECT_EQ(mounts[1].root, "/a b");
}

TEST(CutAtContainer, KeepsThePathUpToTheContainersComponent) {
  for (const std::string& path :
       {"/docker/" + kId, "/system.slice/docker-" + kId + ".scope", "/libpod_parent/libpod-" + kId,
        "/machine.slice/libpod-" + kId + ".scope", "/a.service/libpod-payload-" + kId,
        "/machine.slice/machine-libpod_pod_" + std::string(64, 'b') + ".slice/libpod-" + kId +
            ".scope"}) {
    EXPECT_EQ(cutAtContainer(path, kId), path);
    EXPECT_EQ(cutAtContainer(path + "/container", kId), path);
    EXPECT_EQ(cutAtContainer(path + "/init/deeper", kId), path);
  }
}

TEST(CutAtContainer, GivesNothingForAnotherContainersPath) {
  EXPECT_EQ(cutAtContainer("/docker/" + std::string(64, 'b'), kId), std::nullopt);
  EXPECT_EQ(cutAtContainer("/docker/x" + kId, kId), std::nullopt);
  EXPECT_EQ(cutAtContainer("/docker/" + kId + "x", kId), std::nullopt);
  EXPECT_EQ(cutAtContainer("/", kId), std::nullopt);
  EXPECT_EQ(cutAtContainer("/docker/", ""), std::nullopt);
}

TEST(CutAtContainer, GivesNothingForTheMonitorOfAContainer) {
  EXPECT_EQ(cutAtContainer("/machine.slice/libpod-conmon-" + kId + ".scope", kId), std::nullopt);
}

TEST(CutAtContainer, GivesNothingForAPathThatLeavesTheHierarchy) {
  EXPECT_EQ(cutAtContainer("/../../docker/" + kId, kId), std::nullopt);
}

}  // namespace
}  // namespace control::engine

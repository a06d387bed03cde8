#include "agent/actions/system_info.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace agent {
namespace {

TEST(SystemInfo, ReadsMemoryFromMeminfo) {
  const auto memory = parseMemory("MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n");
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->total_bytes, 2048 * 1024);
  EXPECT_EQ(memory->available_bytes, 1024 * 1024);
  EXPECT_FALSE(parseMemory("MemFree: 1 kB\n"));
}

TEST(SystemInfo, ReadsModelAndCountFromCpuinfo) {
  const CpuReading cpu = parseCpu(
      "processor\t: 0\nmodel name\t: Some CPU @ 2GHz\n\nprocessor\t: 1\nmodel name\t: X\n");
  EXPECT_EQ(cpu.model, "Some CPU @ 2GHz");
  EXPECT_EQ(cpu.count, 2);
}

TEST(SystemInfo, CountsIdleAndWaitingAsNotBusy) {
  const auto times = parseCpuTimes("cpu  10 1 5 100 20 2 3 4 99 99\ncpu0 1 1 1 1\n");
  ASSERT_TRUE(times);
  EXPECT_EQ(times->busy, 25U);
  EXPECT_EQ(times->total, 145U);
}

TEST(SystemInfo, DescribesThisHost) {
  HostReadings host("/");
  EXPECT_EQ(encodeSystemInfo({}, host, std::nullopt).find("totalDisk"), nullptr)
      << "nobody had asked the disk";
  host.readDisk();
  Json data = encodeSystemInfo({"node-1", "boot", {"start_server"}}, host, std::nullopt);
  EXPECT_EQ(*data.find("cpuCount")->integer(), ::sysconf(_SC_NPROCESSORS_ONLN));
  EXPECT_EQ(*data.find("memory")->integer(), ::sysconf(_SC_PHYS_PAGES) * ::sysconf(_SC_PAGESIZE));
  EXPECT_EQ(*data.findText("os"), "linux");
  EXPECT_EQ(data.find("runtime"), nullptr);
  EXPECT_GT(*data.find("totalDisk")->integer(), *data.find("freeDisk")->integer());
}

TEST(SystemInfo, GivesEachRunAnIdOfItsOwn) {
  EXPECT_EQ(makeBootId().size(), 36U);
  EXPECT_NE(makeBootId(), makeBootId());
}

}  // namespace
}  // namespace agent

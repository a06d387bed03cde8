#include "agent/disk/disk_scan.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "agent/files/beneath.h"
#include "support/temp_dir.h"

namespace agent {
namespace {

namespace fs = std::filesystem;

class DiskScanTest : public testing::Test {
 protected:
  void file(const std::string& name, std::size_t bytes) {
    std::ofstream(directory_.path(name)) << std::string(bytes, 'x');
  }
  DiskScan scan() { return DiskScan(files::openOwnDirectory(directory_.path()).get()); }
  std::int64_t whole() {
    DiskScan scanning = scan();
    while (scanning.step(1000)) {
    }
    return scanning.bytes();
  }

  const test_support::TempDir directory_;
};

TEST_F(DiskScanTest, CountsWhatIsOnDiskNotWhatFilesSayTheyHold) {
  fs::create_directory(directory_.path("d"));
  file("d/file", 100'000);
  std::ofstream(directory_.path("d/hole")).flush();
  fs::resize_file(directory_.path("d/hole"), std::uintmax_t{1} << 30);
  EXPECT_GE(whole(), 100'000);
  EXPECT_LT(whole(), 200'000);
}

TEST_F(DiskScanTest, CountsInSlicesTheSameAsAtOnce) {
  for (int i = 0; i < 25; ++i) {
    fs::create_directory(directory_.path("d" + std::to_string(i)));
    file("d" + std::to_string(i) + "/file", 5000);
  }
  DiskScan scanning = scan();
  int slices = 1;
  for (; scanning.step(7); ++slices) EXPECT_LE(scanning.entries(), 7U * slices);
  EXPECT_EQ(scanning.entries(), 50U);
  EXPECT_EQ(slices, 8);
  EXPECT_EQ(scanning.bytes(), whole());
}

TEST_F(DiskScanTest, FollowsNoLink) {
  const test_support::TempDir outside;
  std::ofstream(outside.path("file")) << std::string(1'000'000, 'x');
  fs::create_directory_symlink(outside.path(), directory_.path("link"));
  EXPECT_LT(whole(), 100'000);
}

TEST_F(DiskScanTest, CountsDownTo256LevelsAndGoesOnBeyond) {
  std::string path;
  for (int i = 0; i < 300; ++i) {
    path += path.empty() ? "d" : "/d";
    fs::create_directory(directory_.path(path));
    if (i == 254) file(path + "/counted", 100'000);
    if (i == 299) file(path + "/beyond", 1'000'000);
  }
  fs::create_directory(directory_.path("e"));
  file("e/counted", 100'000);
  const std::int64_t directories = std::int64_t{300} * 4096;
  EXPECT_GE(whole(), 200'000);
  EXPECT_LT(whole(), directories + 300'000);
}

}  // namespace
}  // namespace agent

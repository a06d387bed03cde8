// What file systems enforce, each on a loop device. What a kernel cannot do is skipped with its
// reason.

#include "agent/disk/disk_quota.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/disk/project_quota.h"
#include "agent/files/beneath.h"
#include "unit/agent/disk/loop_mount.h"
#include "unit/agent/whole/agent_on_mock.h"

namespace agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::int64_t kMebibyte = 1024 * 1024;
constexpr std::int64_t kBlock = kMebibyte / 4;

struct FileSystem {
  std::string type;
  std::vector<std::string> mkfs_options;
  std::string mount_options;
};
const FileSystem kBtrfs{"btrfs", {}, ""};
const FileSystem kExt4{"ext4", {"-O", "quota,project", "-E", "quotatype=prjquota"}, "prjquota"};
const FileSystem kXfs{"xfs", {}, "prjquota"};
const FileSystem kXfsWithout{"xfs", {}, ""};

Descriptor directoryAt(const std::string& path) { return files::openOwnDirectory(path); }

void turnQuotasOn(const std::string& path) {
  struct btrfs_ioctl_quota_ctl_args args {};
  args.cmd = BTRFS_QUOTA_CTL_ENABLE;
  ASSERT_EQ(::ioctl(directoryAt(path).get(), BTRFS_IOC_QUOTA_CTL, &args), 0);
  ASSERT_EQ(::ioctl(directoryAt(path).get(), BTRFS_IOC_QUOTA_RESCAN_WAIT), 0);
}

void makeSubvolume(const std::string& parent, const std::string& name) {
  struct btrfs_ioctl_vol_args_v2 args {};
  name.copy(args.name, name.size());
  ASSERT_EQ(::ioctl(directoryAt(parent).get(), BTRFS_IOC_SUBVOL_CREATE_V2, &args), 0);
}

/// How many of `bytes` could be written, on the disk and not in memory alone.
std::int64_t write(const std::string& path, std::int64_t bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string block(kBlock, 'x');
  std::int64_t written = 0;
  while (written<bytes&& ::write(file.get(), block.data(), block.size())> 0) {
    written += static_cast<std::int64_t>(block.size());
    if (::fdatasync(file.get()) != 0) break;
  }
  return written;
}

class DiskQuotaTest : public AgentOnMock {
 protected:
  /// Null after the reason was told: what the test returns on.
  bool mount(const FileSystem& system) {
    std::string reason;
    mount_ = LoopMount::make(system.type, system.mkfs_options, system.mount_options, reason);
    skipped_ = reason;
    return mount_ != nullptr;
  }
  void choose() {
    ChosenQuota chosen = chooseDiskQuota(all().get());
    quota_ = std::move(chosen.quota);
    reason_ = chosen.reason;
  }
  Descriptor all() const { return directoryAt(mount_->path()); }
  Descriptor server(const std::string& name) const { return directoryAt(path(name)); }
  std::string path(const std::string& name) const { return mount_->path() + '/' + name; }
  std::int64_t used(const std::string& name) const {
    ::syncfs(all().get());
    return quota_->used(server(name).get()).value_or(-1);
  }

  /// The same on every file system that limits directories.
  void holdsServersToTheirLimits() {
    ASSERT_EQ(quota_->make(all().get(), "a"), 0);
    ASSERT_EQ(quota_->make(all().get(), "b"), 0);
    EXPECT_EQ(quota_->make(all().get(), "a"), EEXIST);
    EXPECT_EQ(fs::status(path("a")).permissions(), fs::perms::owner_all);
    ASSERT_EQ(quota_->limit(server("a").get(), 16 * kMebibyte), 0);
    EXPECT_LE(write(path("a/file"), 32 * kMebibyte), 16 * kMebibyte);
    EXPECT_GE(used("a"), 12 * kMebibyte);
    EXPECT_LE(used("a"), 16 * kMebibyte);
    EXPECT_EQ(write(path("b/file"), 24 * kMebibyte), 24 * kMebibyte);
    EXPECT_GE(used("b"), 24 * kMebibyte);
    ASSERT_EQ(quota_->limit(server("a").get(), 64 * kMebibyte), 0);
    EXPECT_EQ(write(path("a/more"), 16 * kMebibyte), 16 * kMebibyte);
    ASSERT_EQ(quota_->limit(server("a").get(), 8 * kMebibyte), 0);
    EXPECT_LE(write(path("a/again"), kMebibyte), kBlock);
    ASSERT_EQ(quota_->limit(server("a").get(), 0), 0);
    EXPECT_EQ(write(path("a/again"), kMebibyte), kMebibyte);
  }
  void leavesDirectoriesThatAreThere() {
    fs::create_directory(path("old"));
    ASSERT_EQ(write(path("old/file"), kMebibyte), kMebibyte);
    EXPECT_EQ(quota_->make(all().get(), "old"), EEXIST);
    EXPECT_EQ(quota_->limit(server("old").get(), kMebibyte), ENOTSUP);
    EXPECT_FALSE(quota_->used(server("old").get()));
    EXPECT_EQ(quota_->remove(all().get(), "old"), ENOTSUP);
    EXPECT_TRUE(fs::exists(path("old/file")));
  }

  /// An agent whose servers lie there: limits hold for it, through a backup's restore too.
  void agentKeepsALimitThroughARestore() {
    config_.data_dir = path("data");
    config_.backup_dir = directory_.path("backups");
    fs::create_directory(config_.data_dir);
    open();
    const std::string limited =
        R"("serverId":"s","payload":{"image":"game:1","limits":{"disk":"16m"}})";
    finish("create_server", limited);
    EXPECT_LE(write(path("data/s/file"), 12 * kMebibyte), 16 * kMebibyte);
    finish("create_backup", R"("serverId":"s","payload":{"backupId":"b"})");
    EXPECT_LE(write(path("data/s/file"), 32 * kMebibyte), 4 * kMebibyte);
    const std::string full =
        R"("serverId":"s","payload":{"path":"x","content":")" + std::string(500'000, 'x') + "\"}";
    for (int i = 0; i < 2; ++i) EXPECT_EQ(at(ask("write_file", full), "error.code"), "DISK_FULL");
    const Json end = finish("restore_backup", R"("serverId":"s","payload":{"backupId":"b"})");
    EXPECT_EQ(at(end, "data.success"), "true") << end.write();
    EXPECT_EQ(fs::file_size(path("data/s/file")), 12 * kMebibyte);
    EXPECT_LE(write(path("data/s/file"), 32 * kMebibyte), 4 * kMebibyte);
    finish("update_server", R"("serverId":"s","payload":{"limits":{"disk":"32m"}})");
    EXPECT_TRUE(comesTrue([&] { return write(path("data/s/more"), kMebibyte) == kMebibyte; }));
    finish("delete_server", R"("serverId":"s","payload":{"removeData":true})");
    EXPECT_TRUE(fs::is_empty(config_.data_dir));
  }
  bool comesTrue(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  std::unique_ptr<LoopMount> mount_;
  std::unique_ptr<DiskQuota> quota_;
  std::string reason_;
  std::string skipped_;
};

TEST_F(DiskQuotaTest, BtrfsHoldsServersToTheirLimits) {
  if (!mount(kBtrfs)) GTEST_SKIP() << skipped_;
  turnQuotasOn(mount_->path());
  choose();
  EXPECT_THAT(reason_, HasSubstr("enforced by btrfs"));
  holdsServersToTheirLimits();
}

TEST_F(DiskQuotaTest, BtrfsLeavesDirectoriesThatAreThere) {
  if (!mount(kBtrfs)) GTEST_SKIP() << skipped_;
  turnQuotasOn(mount_->path());
  choose();
  leavesDirectoriesThatAreThere();
}

TEST_F(DiskQuotaTest, BtrfsWithoutQuotasIsAsAnyOther) {
  if (!mount(kBtrfs)) GTEST_SKIP() << skipped_;
  choose();
  EXPECT_THAT(reason_, HasSubstr("btrfs quota enable"));
  ASSERT_EQ(quota_->make(all().get(), "a"), 0);
  EXPECT_EQ(quota_->limit(server("a").get(), kMebibyte), ENOTSUP);
}

TEST_F(DiskQuotaTest, BtrfsCountsAndRemovesSubvolumesThatAServerMade) {
  if (!mount(kBtrfs)) GTEST_SKIP() << skipped_;
  turnQuotasOn(mount_->path());
  choose();
  ASSERT_EQ(quota_->make(all().get(), "a"), 0);
  ASSERT_EQ(quota_->make(all().get(), "b"), 0);
  makeSubvolume(path("a"), "inner");
  fs::create_directory(path("a/inner/d"));
  makeSubvolume(path("a/inner/d"), "innermost");
  ASSERT_EQ(write(path("a/inner/d/innermost/file"), 8 * kMebibyte), 8 * kMebibyte);
  EXPECT_GE(used("a"), 8 * kMebibyte);
  EXPECT_LT(used("b"), kMebibyte);
  ASSERT_EQ(quota_->remove(all().get(), "a"), 0);
  EXPECT_FALSE(fs::exists(path("a")));
  EXPECT_TRUE(fs::exists(path("b")));
}

TEST_F(DiskQuotaTest, BtrfsLimitsAnAgentsServersThroughARestore) {
  if (!mount(kBtrfs)) GTEST_SKIP() << skipped_;
  turnQuotasOn(mount_->path());
  agentKeepsALimitThroughARestore();
}

TEST_F(DiskQuotaTest, Ext4HoldsServersToTheirLimits) {
  if (!mount(kExt4)) GTEST_SKIP() << skipped_;
  choose();
  ASSERT_THAT(reason_, HasSubstr("enforced by project quotas"));
  holdsServersToTheirLimits();
  leavesDirectoriesThatAreThere();
  agentKeepsALimitThroughARestore();
}

TEST_F(DiskQuotaTest, XfsHoldsServersToTheirLimits) {
  if (!mount(kXfs)) GTEST_SKIP() << skipped_;
  choose();
  ASSERT_THAT(reason_, HasSubstr("enforced by project quotas"));
  holdsServersToTheirLimits();
  leavesDirectoriesThatAreThere();
  agentKeepsALimitThroughARestore();
}

TEST_F(DiskQuotaTest, WithoutProjectQuotasXfsIsAsAnyOther) {
  if (!mount(kXfsWithout)) GTEST_SKIP() << skipped_;
  choose();
  EXPECT_THAT(reason_, HasSubstr("prjquota"));
  ASSERT_EQ(quota_->make(all().get(), "a"), 0);
  EXPECT_EQ(quota_->limit(server("a").get(), kMebibyte), ENOTSUP);
}

TEST_F(DiskQuotaTest, AProjectIsHandedOnToWhatIsMadeInADirectory) {
  if (!mount(kXfsWithout)) GTEST_SKIP() << skipped_;
  EXPECT_EQ(project::unused(all().get()), project::kFirst);
  fs::create_directory(path("a"));
  EXPECT_EQ(project::of(server("a").get()), 0U);
  ASSERT_EQ(project::assign(server("a").get(), project::kFirst), 0);
  fs::create_directories(path("a/b/c"));
  EXPECT_EQ(project::of(server("a/b/c").get()), project::kFirst);
  EXPECT_EQ(project::unused(all().get()), project::kFirst + 1);
  ASSERT_EQ(project::assign(server("a").get(), project::kLast), 0);
  EXPECT_EQ(project::unused(all().get()), 0U);
  ASSERT_EQ(project::assign(server("a").get(), 7), 0);  // somebody else's
  EXPECT_EQ(project::of(server("a").get()), 0U);
}

}  // namespace
}  // namespace agent

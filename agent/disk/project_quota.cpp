#include "agent/disk/project_quota.h"

#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <system_error>

#include "agent/files/tree.h"

namespace agent {
namespace {

constexpr std::int64_t kBlock = 512;  // in which XFS's calls count, on ext4 too

/// XFS's commands: the kernel serves them on every file system with quotas.
int quotaOf(int fd, int command, std::uint32_t id, void* argument) {
  return ::syscall(SYS_quotactl_fd, fd, static_cast<unsigned>(QCMD(command, PRJQUOTA)), id,
                   argument) == 0
             ? 0
             : errno;
}

Descriptor openPlain(int parent, const char* name) {
  return Descriptor(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

int setLimit(int fd, std::uint32_t id, std::int64_t bytes) {
  fs_disk_quota quota{};
  quota.d_version = FS_DQUOT_VERSION;
  quota.d_flags = FS_PROJ_QUOTA;
  quota.d_fieldmask = FS_DQ_BHARD | FS_DQ_BSOFT;
  quota.d_id = id;
  quota.d_blk_hardlimit = static_cast<std::uint64_t>((bytes + kBlock - 1) / kBlock);
  return quotaOf(fd, Q_XSETQLIM, id, &quota);
}

class ProjectQuota : public DiskQuota {
 public:
  /// One that gets no project is a directory without a limit.
  int make(int parent, const char* name) const override {
    const std::lock_guard lock(mutex_);  // two servers must not find the same one unused
    if (::mkdirat(parent, name, 0700) != 0) return errno;
    const Descriptor made = openPlain(parent, name);
    std::uint32_t id = made ? project::unused(parent) : 0;
    // What lies elsewhere may have been left with it.
    while (id != 0 && id <= project::kLast && usedBy(made.get(), id).value_or(0) > 0) ++id;
    if (id != 0 && id <= project::kLast) (void)project::assign(made.get(), id);
    return 0;
  }

  int remove(int parent, const char* name) const override {
    const Descriptor directory = openPlain(parent, name);
    // Whoever gets the project next must not find a limit.
    if (directory) (void)limit(directory.get(), 0);
    return ENOTSUP;
  }

  int limit(int directory, std::int64_t bytes) const override {
    const std::uint32_t id = project::of(directory);
    return id == 0 ? ENOTSUP : setLimit(directory, id, bytes);
  }

  std::optional<std::int64_t> used(int directory) const override {
    const std::uint32_t id = project::of(directory);
    return id == 0 ? std::nullopt : usedBy(directory, id);
  }

 private:
  static std::optional<std::int64_t> usedBy(int fd, std::uint32_t id) {
    fs_disk_quota quota{};
    const int error = quotaOf(fd, Q_XGETQUOTA, id, &quota);
    if (error == ENOENT) return 0;  // nothing was ever written
    if (error != 0) return std::nullopt;
    return static_cast<std::int64_t>(quota.d_bcount) * kBlock;
  }

  mutable std::mutex mutex_;
};

}  // namespace

namespace project {

std::uint32_t of(int directory) {
  fsxattr attributes{};
  if (::ioctl(directory, FS_IOC_FSGETXATTR, &attributes) != 0) return 0;
  const bool inherited = (attributes.fsx_xflags & FS_XFLAG_PROJINHERIT) != 0;
  const std::uint32_t id = attributes.fsx_projid;
  return inherited && id >= kFirst && id <= kLast ? id : 0;
}

int assign(int directory, std::uint32_t id) {
  fsxattr attributes{};
  if (::ioctl(directory, FS_IOC_FSGETXATTR, &attributes) != 0) return errno;
  attributes.fsx_projid = id;
  attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  return ::ioctl(directory, FS_IOC_FSSETXATTR, &attributes) == 0 ? 0 : errno;
}

std::uint32_t unused(int parent) {
  std::uint32_t next = kFirst;
  (void)files::forEachName(parent, [&](const char* name) {
    if (const Descriptor directory = openPlain(parent, name))
      next = std::max(next, of(directory.get()) + 1);
    return true;
  });
  return next <= kLast ? next : 0;
}

}  // namespace project

ChosenQuota chooseProjectQuota(int data_dir) {
  struct statfs status {};
  if (::fstatfs(data_dir, &status) != 0 ||
      (status.f_type != EXT4_SUPER_MAGIC && status.f_type != XFS_SUPER_MAGIC))
    return {};
  fs_quota_statv state{};
  state.qs_version = FS_QSTATV_VERSION1;
  const int error = quotaOf(data_dir, Q_XGETQSTATV, 0, &state);
  if (error == 0 && (state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0)
    return {std::make_unique<ProjectQuota>(),
            "limits are enforced by project quotas: a project for each server"};
  std::string why = "project quotas are not turned on there: mount it with prjquota";
  if (error == EPERM) why = "the agent lacks CAP_SYS_ADMIN or the system call quotactl_fd";
  return {nullptr, "limits are not enforced by the file system, because " + why};
}

}  // namespace agent

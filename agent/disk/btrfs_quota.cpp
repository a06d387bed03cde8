#include "agent/disk/btrfs_quota.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include "agent/files/beneath.h"

namespace agent {
namespace {

/// Of subvolumes that a server made in its own, those that are looked at.
constexpr std::size_t kMostInner = 4096;

using Item = std::function<void(std::uint64_t offset, const char* bytes, std::size_t size)>;

struct Range {
  std::uint64_t tree;
  std::uint64_t object;
  std::uint32_t type;
  std::uint64_t first = 0;
  std::uint64_t last = UINT64_MAX;
};

/// Gives every item of the range to `take`. 0, or the error.
int search(int fd, const Range& range, const Item& take) {
  for (std::uint64_t from = range.first;;) {
    struct btrfs_ioctl_search_args args {};
    args.key.tree_id = range.tree;
    args.key.min_objectid = args.key.max_objectid = range.object;
    args.key.min_type = args.key.max_type = range.type;
    args.key.min_offset = from;
    args.key.max_offset = range.last;
    args.key.max_transid = UINT64_MAX;
    args.key.nr_items = UINT32_MAX;
    if (::ioctl(fd, BTRFS_IOC_TREE_SEARCH, &args) != 0) return errno;
    if (args.key.nr_items == 0) return 0;
    const char* at = args.buf;
    struct btrfs_ioctl_search_header header {};
    for (std::uint32_t i = 0; i < args.key.nr_items; ++i) {
      std::memcpy(&header, at, sizeof header);
      at += sizeof header;
      take(header.offset, at, header.len);
      at += header.len;
    }
    if (header.offset >= range.last) return 0;
    from = header.offset + 1;
  }
}

template <class Type>
bool readItem(const char* bytes, std::size_t size, Type& item) {
  if (size < sizeof item) return false;
  std::memcpy(&item, bytes, sizeof item);
  return true;
}

bool isSubvolume(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && status.st_ino == BTRFS_FIRST_FREE_OBJECTID;
}

/// Of the subvolume that the file lies in; 0 when it cannot be asked.
std::uint64_t subvolumeOf(int fd) {
  struct btrfs_ioctl_ino_lookup_args args {};
  args.objectid = BTRFS_FIRST_FREE_OBJECTID;
  return ::ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) == 0 ? args.treeid : 0;
}

bool putName(char (&field)[BTRFS_SUBVOL_NAME_MAX + 1], const char* name) {
  const std::size_t size = std::strlen(name);
  if (size > BTRFS_SUBVOL_NAME_MAX) return false;
  std::memcpy(field, name, size + 1);
  return true;
}

/// Those in it at any depth, each before what is in it.
std::vector<std::uint64_t> innerSubvolumes(int fd, std::uint64_t id) {
  std::vector<std::uint64_t> found{id};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Range children{BTRFS_ROOT_TREE_OBJECTID, found[i], BTRFS_ROOT_REF_KEY};
    (void)search(fd, children, [&found](std::uint64_t child, const char*, std::size_t) {
      if (found.size() <= kMostInner) found.push_back(child);
    });
  }
  found.erase(found.begin());
  return found;
}

int destroyById(int fd, std::uint64_t id) {
  struct btrfs_ioctl_vol_args_v2 args {};
  args.flags = BTRFS_SUBVOL_SPEC_BY_ID;
  args.subvolid = id;
  return ::ioctl(fd, BTRFS_IOC_SNAP_DESTROY_V2, &args) == 0 ? 0 : errno;
}

/// Newer kernels remove a qgroup with its subvolume; older ones, or now at the latest, when asked.
void forgetQgroup(int fd, std::uint64_t id) {
  struct btrfs_ioctl_qgroup_create_args args {};
  args.create = 0;
  args.qgroupid = id;
  (void)::ioctl(fd, BTRFS_IOC_QGROUP_CREATE, &args);
}

/// The flags of quotas; 0 when they are off.
std::uint64_t quotaFlags(int fd, int& error) {
  std::uint64_t flags = 0;
  const Range status{BTRFS_QUOTA_TREE_OBJECTID, 0, BTRFS_QGROUP_STATUS_KEY};
  error = search(fd, status, [&flags](std::uint64_t, const char* bytes, std::size_t size) {
    struct btrfs_qgroup_status_item item {};
    if (readItem(bytes, size, item)) flags = le64toh(item.flags);
  });
  return flags;
}

/// Not while everything is being counted, after quotas were turned on.
bool countsRight(int fd) {
  int error = 0;
  const std::uint64_t flags = quotaFlags(fd, error);
  return (flags & BTRFS_QGROUP_STATUS_FLAG_ON) != 0 &&
         (flags & BTRFS_QGROUP_STATUS_FLAG_INCONSISTENT) == 0;
}

class BtrfsQuota : public DiskQuota {
 public:
  int make(int parent, const char* name) const override {
    struct btrfs_ioctl_vol_args_v2 args {};
    if (!putName(args.name, name)) return ENAMETOOLONG;
    if (::ioctl(parent, BTRFS_IOC_SUBVOL_CREATE_V2, &args) != 0) return errno;
    const Descriptor made(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    return made && ::fchmod(made.get(), 0700) == 0 ? 0 : errno;
  }

  int remove(int parent, const char* name) const override {
    const Descriptor top(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!top || !isSubvolume(top.get())) return ENOTSUP;
    const std::uint64_t id = subvolumeOf(top.get());
    std::vector<std::uint64_t> inner = innerSubvolumes(top.get(), id);
    std::reverse(inner.begin(), inner.end());
    for (const std::uint64_t one : inner)
      if (const int error = destroyById(parent, one); error != 0) return error;
    struct btrfs_ioctl_vol_args args {};
    if (std::strlen(name) > BTRFS_PATH_NAME_MAX) return ENAMETOOLONG;
    std::memcpy(args.name, name, std::strlen(name) + 1);
    if (::ioctl(parent, BTRFS_IOC_SNAP_DESTROY, &args) != 0) return errno;
    inner.push_back(id);
    for (const std::uint64_t one : inner) forgetQgroup(parent, one);
    return 0;
  }

  int limit(int directory, std::int64_t bytes) const override {
    if (!isSubvolume(directory)) return ENOTSUP;
    struct btrfs_ioctl_qgroup_limit_args args {};
    args.lim.flags = BTRFS_QGROUP_LIMIT_MAX_RFER;
    // All ones take a limit away.
    args.lim.max_rfer = bytes > 0 ? static_cast<std::uint64_t>(bytes) : UINT64_MAX;
    args.qgroupid = subvolumeOf(directory);
    if (args.qgroupid == 0) return ENOTSUP;
    // Through a subvolume that is full even this is refused: from above.
    const Descriptor above(::openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (above && ::ioctl(above.get(), BTRFS_IOC_QGROUP_LIMIT, &args) == 0) return 0;
    return errno == ENOTCONN || errno == ENOENT ? ENOTSUP : errno;  // quotas were turned off
  }

  std::optional<std::int64_t> used(int directory) const override {
    if (!isSubvolume(directory) || !countsRight(directory)) return std::nullopt;
    const std::uint64_t id = subvolumeOf(directory);
    std::optional<std::int64_t> used = referred(directory, id);
    if (!used) return used;
    for (const std::uint64_t inner : innerSubvolumes(directory, id))
      *used += referred(directory, inner).value_or(0);
    return used;
  }

 private:
  static std::optional<std::int64_t> referred(int fd, std::uint64_t id) {
    std::optional<std::int64_t> bytes;
    const Range info{BTRFS_QUOTA_TREE_OBJECTID, 0, BTRFS_QGROUP_INFO_KEY, id, id};
    (void)search(fd, info, [&bytes](std::uint64_t, const char* item_bytes, std::size_t size) {
      struct btrfs_qgroup_info_item item {};
      if (readItem(item_bytes, size, item)) bytes = static_cast<std::int64_t>(le64toh(item.rfer));
    });
    return bytes;
  }
};

}  // namespace

ChosenQuota chooseBtrfsQuota(int data_dir) {
  struct statfs status {};
  if (::fstatfs(data_dir, &status) != 0 || status.f_type != BTRFS_SUPER_MAGIC) return {};
  int error = 0;
  if ((quotaFlags(data_dir, error) & BTRFS_QGROUP_STATUS_FLAG_ON) != 0)
    return {std::make_unique<BtrfsQuota>(),
            "limits are enforced by btrfs: a subvolume with a qgroup for each server"};
  const std::string why = error == EPERM ? "the agent lacks CAP_SYS_ADMIN"
                                         : "quotas are not turned on there: btrfs quota enable";
  return {nullptr, "limits are not enforced by btrfs, because " + why};
}

}  // namespace agent

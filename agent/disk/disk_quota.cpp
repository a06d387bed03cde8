#include "agent/disk/disk_quota.h"

#include <sys/stat.h>

#include <cerrno>

#include "agent/disk/btrfs_quota.h"
#include "agent/disk/project_quota.h"

namespace agent {
namespace {

class NoQuota : public DiskQuota {
 public:
  int make(int parent, const char* name) const override {
    return ::mkdirat(parent, name, 0700) == 0 ? 0 : errno;
  }
  int remove(int, const char*) const override { return ENOTSUP; }
  int limit(int, std::int64_t) const override { return ENOTSUP; }
  std::optional<std::int64_t> used(int) const override { return std::nullopt; }
};

}  // namespace

std::unique_ptr<DiskQuota> noDiskQuota() { return std::make_unique<NoQuota>(); }

ChosenQuota chooseDiskQuota(int data_dir) {
  for (const auto choose : {chooseBtrfsQuota, chooseProjectQuota}) {
    ChosenQuota chosen = choose(data_dir);
    if (chosen.reason.empty()) continue;  // it is another file system's
    if (!chosen.quota) chosen.quota = noDiskQuota();
    return chosen;
  }
  return {noDiskQuota(),
          "limits are not enforced by the file system below DATA_DIR, which offers none"};
}

}  // namespace agent

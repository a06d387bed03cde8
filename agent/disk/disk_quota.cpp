#include "agent/disk/disk_quota.h"

#include <sys/stat.h>

#include <cerrno>

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

ChosenQuota chooseDiskQuota(int) {
  return {noDiskQuota(), "the file system below DATA_DIR offers no limit of a directory"};
}

}  // namespace agent

#include "agent/disk/disk_scan.h"

namespace agent {

bool DiskScan::step(std::size_t most) {
  constexpr std::int64_t kBlock = 512;  // of st_blocks, on every file system
  for (; most > 0; --most) {
    const files::TreeWalk::Entry* const entry = walk_.next();
    if (entry == nullptr) return false;
    bytes_ += static_cast<std::int64_t>(entry->status.st_blocks) * kBlock;
    ++entries_;
  }
  return true;
}

}  // namespace agent

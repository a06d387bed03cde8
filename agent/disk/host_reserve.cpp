#include "agent/disk/host_reserve.h"

#include <sys/statvfs.h>

#include <algorithm>

#include "agent/panel/refusal.h"

namespace agent {
namespace {

constexpr std::int64_t kMostReserve = std::int64_t{1} << 30;
constexpr std::int64_t kShare = 20;

}  // namespace

std::int64_t HostReserve::room(const std::string& path) const {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) return INT64_MAX;
  const auto block = static_cast<std::int64_t>(status.f_frsize);
  const std::int64_t total = static_cast<std::int64_t>(status.f_blocks) * block;
  const std::int64_t free = static_cast<std::int64_t>(status.f_bavail) * block;
  return free - bytes_.value_or(std::min(kMostReserve, total / kShare));
}

void HostReserve::require(const std::string& path, std::int64_t bytes) const {
  if (bytes <= room(path)) return;
  throw Refusal("DISK_FULL",
                "the host's disk has no room for it beyond what is kept for the host; remove files "
                "or servers, or ask its operator for room");
}

void ReserveMeter::passed(std::int64_t bytes) {
  if (bytes < next_look_) return;
  reserve_.require(path_, kBetweenLooks);
  next_look_ = bytes + kBetweenLooks;
}

}  // namespace agent

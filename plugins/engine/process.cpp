#include "engine/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "engine/cgroup_place.h"

namespace control::engine {
namespace {

/// First published form of the kernel's struct pidfd_info; newer kernels fill that much of theirs.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup_id;
  std::uint32_t pid, thread_group_id, parent_pid;
  std::uint32_t user_ids[2], group_ids[2], saved_ids[2], filesystem_ids[2];
  std::int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);

constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);
constexpr std::uint64_t kPidfdInfoExit = 1U << 3;

}  // namespace

Result<std::unique_ptr<Process>> Process::open(int pid, std::string_view container_id,
                                               const HostRoots& roots) {
  const std::string name = "process " + std::to_string(pid);
  if (pid <= 0) return Error{ErrorCode::kInvalidArgument, Effect::kNone, name + " cannot be"};
  Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
  if (!pidfd && errno == EINVAL)
    return Error{ErrorCode::kNotFound, Effect::kNone, name + " is a thread of another process"};
  if (!pidfd) return systemError(errno, name);

  // In this order: what was checked is what is held, unless it ended meanwhile, and then its id
  // may have been given to another before the check.
  if (const Result<void> checked = checkContainerOf(pid, container_id, roots); !checked)
    return checked.error();
  return std::unique_ptr<Process>(new Process(std::move(pidfd)));
}

std::optional<int> Process::waitStatus() const noexcept {
  PidfdInfo info{};
  info.mask = kPidfdInfoExit;
  if (::ioctl(fd(), kPidfdGetInfo, &info) != 0 || (info.mask & kPidfdInfoExit) == 0)
    return std::nullopt;
  return info.exit_code;
}

bool Process::ended() const noexcept {
  pollfd entry{fd(), POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0;
}

}  // namespace control::engine

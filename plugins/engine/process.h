#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include <libcontrol/result.h>

#include "engine/descriptor.h"
#include "engine/host_roots.h"

namespace control::engine {

/// Process 1 of a container's run, held by a pidfd: it never comes to mean another process.
///
/// Threads:  any method may run on any thread.
/// Blocking: none.
/// Errors:   nothing throws.
class Process {
 public:
  /// Open it right after the start, when the engine has told the process id.
  /// kNotFound: no such process (any more), or it is not in this container's cgroup (a reused
  /// id). kUnsupported: the kernel has no pidfd (before Linux 5.3).
  static Result<std::unique_ptr<Process>> open(int pid, std::string_view container_id,
                                               const HostRoots& roots = {});

  /// Polls readable (POLLIN) once the process has ended, and POLLHUP besides once its parent has
  /// collected it: from then on waitStatus() tells, where it ever does. Closed with this object.
  int fd() const noexcept { return pidfd_.get(); }

  /// The kernel's wait status (WIFEXITED, WTERMSIG, ...) after the end. Absent before the
  /// parent (the engine's shim or monitor) has collected the process, and on kernels before 6.15.
  std::optional<int> waitStatus() const noexcept;

  bool ended() const noexcept;

 private:
  explicit Process(Descriptor pidfd) noexcept : pidfd_(std::move(pidfd)) {}

  Descriptor pidfd_;
};

}  // namespace control::engine

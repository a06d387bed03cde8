#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <libcontrol/result.h>

#include "engine/descriptor.h"
#include "engine/host_roots.h"

namespace control::engine {

/// Notices that the kernel kills processes of a container for lack of memory: v1
/// memory.oom_control with an eventfd, v2 memory.events.
///
/// Threads:  any method may run on any thread.
/// Blocking: none.
/// Errors:   nothing throws.
class OomWatch {
 public:
  /// kNotFound: no such process, or it is not in this container's cgroup. kPermissionDenied: v1
  /// lets root alone watch. kUnsupported: there is no memory controller here.
  static Result<std::unique_ptr<OomWatch>> open(int pid, std::string_view container_id,
                                                const HostRoots& roots = {});

  /// Poll it for pollEvents(). Ready when the container ran out of memory, when the cgroup has
  /// gone, and sometimes without a reason. Call kills() each time; that also makes it wait again.
  /// v1 is notified just before the kill, which is counted a moment later: the figure that
  /// holds for an exit is that of kills() after the exit.
  int fd() const noexcept { return event_ ? event_.get() : counter_.get(); }
  short pollEvents() const noexcept;

  /// Kills of this run so far, the cgroup's whole life. Absent once the cgroup has gone (stop
  /// polling then) and where the kernel does not count (v1 before Linux 4.13).
  std::optional<std::uint64_t> kills() const noexcept;

 private:
  OomWatch(Descriptor counter, Descriptor event) noexcept
      : counter_(std::move(counter)), event_(std::move(event)) {}

  Descriptor counter_;  ///< memory.oom_control or memory.events
  Descriptor event_;    ///< v1 only
};

}  // namespace control::engine

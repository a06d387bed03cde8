#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <libcontrol/result.h>
#include <libcontrol/types.h>

#include "engine/cgroup_place.h"
#include "engine/host_roots.h"

namespace control::engine {

/// The limits that hold for running containers now, from their cgroups (v1 and v2). Where the
/// cgroups of a container are is remembered: it costs as much to find as the limits to read.
///
/// Threads:  any method on any thread.
/// Blocking: none.
class CgroupLimits {
 public:
  explicit CgroupLimits(HostRoots roots = {}) : roots_(std::move(roots)) {}

  /// Memory, memory and swap, CPU time and processes; the weight of I/O is left out. A limit there
  /// is none of is absent, except that memory with unlimited swap shows as -1.
  /// kNotFound: no such process, or it is not in this container's cgroup. kUnsupported: the host's
  /// cgroups are not visible from here.
  Result<ResourceLimits> read(int pid, const std::string& container_id);
  void forget(const std::string& container_id);

 private:
  using Places = std::shared_ptr<const CgroupPlaces>;
  Places placesOf(const std::string& container_id);

  const HostRoots roots_;
  std::mutex mutex_;
  std::map<std::string, Places> places_{};  ///< guarded by mutex_; where no file is missing
};

}  // namespace control::engine

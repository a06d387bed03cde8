#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <libcontrol/result.h>
#include <libcontrol/types.h>

#include "engine/host_roots.h"

namespace control::engine {

/// The limits that hold for running containers now, from their cgroups (v1 and v2). Where they
/// stand costs more to find than the limits to read: it is remembered, with up to 5 files open for
/// each container (KeptDescriptors).
///
/// Threads:  any method on any thread.
/// Blocking: none.
class CgroupLimits {
 public:
  explicit CgroupLimits(HostRoots roots = {});
  ~CgroupLimits();

  /// Memory, memory and swap, CPU time and processes; the weight of I/O is left out. A limit there
  /// is none of is absent, except that memory with unlimited swap shows as -1.
  /// kNotFound: no such process, or it is not in this container's cgroup. kUnsupported: the host's
  /// cgroups are not visible from here.
  Result<ResourceLimits> read(int pid, const std::string& container_id);
  void forget(const std::string& container_id);

 private:
  class Files;
  using Kept = std::shared_ptr<const Files>;

  Kept known(const std::string& container_id);
  void keep(const std::string& container_id, Kept files);

  const HostRoots roots_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_{};  ///< guarded by mutex_; by full id
  std::size_t tidy_at_;                 ///< guarded by mutex_; so many, and those of ended runs go
};

}  // namespace control::engine

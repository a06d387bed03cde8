#pragma once

#include <memory>

#include <libcontrol/result.h>
#include <libcontrol/stats.h>

#include "engine/host_roots.h"

namespace control::engine {

/// The kernel's own figures of one run of a container: cgroup v1, v2 or hybrid, and
/// /proc/<pid>/net/dev. A sample costs 10 to 25 microseconds and nothing to the engine.
///
/// Keeps up to 10 files open (9 on v2), which makes a sample ten times cheaper; once all samplers
/// of this program together hold half of its limit of open files, further ones keep 2 and open
/// the rest for each sample. An open one keeps the container's network namespace alive: destroy
/// it when the run is over.
///
/// Threads:  any method may run on any thread.
/// Blocking: none.
/// Errors:   nothing throws.
class CgroupStats {
 public:
  /// `pid` is process 1 of the run.
  /// kNotFound: no such process, or it is not in this container's cgroup. kUnsupported: the
  /// host's cgroups are not visible from here; ask the engine instead.
  static Result<std::unique_ptr<CgroupStats>> open(const RunId& run, int pid,
                                                   const HostRoots& roots = {},
                                                   bool host_network = false);
  ~CgroupStats();
  CgroupStats(const CgroupStats&) = delete;
  CgroupStats& operator=(const CgroupStats&) = delete;

  /// Figures from the files that stats.h names for each. A figure whose controller is not
  /// enabled, and network traffic of a container on the host's network, are absent.
  /// kWrongState: the run is over; the last sample before is all there will be.
  Result<StatsSample> sample(const Clock& clock) const;

 private:
  struct Files;
  CgroupStats(RunId run, std::unique_ptr<Files> files);

  RunId run_;
  std::unique_ptr<Files> files_;
};

}  // namespace control::engine

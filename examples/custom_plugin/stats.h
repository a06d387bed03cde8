#pragma once

#include <map>
#include <mutex>
#include <string>

#include <libcontrol/stats.h>

#include "engine/process_tree.h"
#include "engine/runs.h"

namespace process_engine {

/// Figures of a run from /proc: sums over all that descend from its keepers. There are no cgroups,
/// so there is no page cache in them, no limits and no network; those stay absent.
class Sampler {
 public:
  control::StatsSample sample(const std::string& id, const Run& run,
                              const std::vector<pid_t>& keepers,
                              const std::vector<ProcessStat>& all, const control::Clock& clock);
  void forget(const std::string& id);

 private:
  struct Seen {
    std::int64_t started_at = 0;
    control::Duration cpu_time{};
  };
  std::mutex mutex_{};
  /// A process that ends while /proc is read may be missing from one sum: the counter must not go
  /// back. Guarded by mutex_.
  std::map<std::string, Seen> seen_{};
};

}  // namespace process_engine

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace process_engine {

/// What /proc/<pid>/stat says of a process.
struct ProcessStat {
  pid_t pid = 0;
  pid_t parent = 0;
  std::int64_t began = 0;  ///< clock ticks since boot
  std::int64_t cpu_ticks = 0;
  std::int64_t waited_cpu_ticks = 0;  ///< of children that it has waited for
  std::int64_t threads = 0;
};

std::optional<ProcessStat> processStat(pid_t pid);
/// All there are. One that ends meanwhile is left out.
std::vector<ProcessStat> allProcesses();
/// Those of `all` that descend from `root`, without it.
std::vector<ProcessStat> descendants(const std::vector<ProcessStat>& all, pid_t root);

}  // namespace process_engine

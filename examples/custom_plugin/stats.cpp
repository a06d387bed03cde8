#include "stats.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "engine/files.h"
#include "streams.h"

namespace process_engine {
namespace {

struct Memory {
  std::uint64_t resident = 0;
  std::uint64_t without_files = 0;
};

/// VmRSS, RssAnon and RssShmem of /proc/<pid>/status, in kB there.
Memory memoryOf(pid_t pid) {
  Memory memory;
  const auto text = readFile(AT_FDCWD, ("/proc/" + std::to_string(pid) + "/status").c_str());
  std::istringstream lines(text.value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kilobytes = 0;
    if (!(words >> key >> kilobytes)) continue;
    if (key == "VmRSS:") memory.resident = kilobytes * 1024;
    if (key == "RssAnon:" || key == "RssShmem:") memory.without_files += kilobytes * 1024;
  }
  return memory;
}

control::Duration fromTicks(std::int64_t ticks) {
  static const std::int64_t kPerSecond = ::sysconf(_SC_CLK_TCK);
  return control::Duration(ticks * (1'000'000'000 / kPerSecond));
}

}  // namespace

control::StatsSample Sampler::sample(const std::string& id, const Run& run,
                                     const std::vector<pid_t>& keepers,
                                     const std::vector<ProcessStat>& all,
                                     const control::Clock& clock) {
  control::StatsSample sample{.run = {.container = {id}, .started_at = toWallTime(run.started_at)},
                              .taken_at = clock.now()};
  std::int64_t ticks = 0;
  std::uint64_t threads = 0;
  Memory memory;
  for (const pid_t keeper : keepers) {
    // It waits for orphans: what they used is in its sum. What it used itself is not theirs.
    for (const ProcessStat& one : all)
      if (one.pid == keeper) ticks += one.waited_cpu_ticks;
    for (const ProcessStat& one : descendants(all, keeper)) {
      ticks += one.cpu_ticks + one.waited_cpu_ticks;
      threads += static_cast<std::uint64_t>(one.threads);
      const Memory its = memoryOf(one.pid);
      memory.resident += its.resident;
      memory.without_files += its.without_files;
    }
  }
  sample.pids = threads;
  sample.memory_usage_bytes = memory.resident;
  sample.memory_working_set_bytes = memory.without_files;
  const std::lock_guard lock(mutex_);
  Seen& seen = seen_[id];
  if (seen.started_at != run.started_at) seen = {.started_at = run.started_at};
  seen.cpu_time = std::max(seen.cpu_time, fromTicks(ticks));
  sample.cpu_time = seen.cpu_time;
  return sample;
}

void Sampler::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  seen_.erase(id);
}

}  // namespace process_engine

#include "engine/cgroup_stats.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cgroup_file.h"
#include "engine/cgroup_place.h"
#include "engine/cgroup_text.h"
#include "engine/descriptor.h"

namespace control::engine {
namespace {

using Apply = void (*)(std::string_view text, StatsSample& sample);

void applyCpuTimeV1(std::string_view text, StatsSample& sample) {
  sample.cpu_time = nanoseconds(parseCount(text));
}
void applyThrottledV1(std::string_view text, StatsSample& sample) {
  sample.cpu_throttled = nanoseconds(parseKeyed(text, "throttled_time"));
}
void applyCpuV2(std::string_view text, StatsSample& sample) {
  sample.cpu_time = microseconds(parseKeyed(text, "usage_usec"));
  sample.cpu_throttled = microseconds(parseKeyed(text, "throttled_usec"));
}
void applyMemoryUsage(std::string_view text, StatsSample& sample) {
  sample.memory_usage_bytes = parseCount(text);
}
void applyInactive(std::optional<std::uint64_t> inactive_bytes, StatsSample& sample) {
  if (!inactive_bytes || !sample.memory_usage_bytes) return;
  // The two are read one after the other, so the part can be greater than the whole.
  const std::uint64_t usage = *sample.memory_usage_bytes;
  sample.memory_working_set_bytes = usage - std::min(usage, *inactive_bytes);
}
void applyMemoryStatV1(std::string_view text, StatsSample& sample) {
  applyInactive(parseKeyed(text, "total_inactive_file"), sample);
}
void applyMemoryStatV2(std::string_view text, StatsSample& sample) {
  applyInactive(parseKeyed(text, "inactive_file"), sample);
}
void applyMemoryLimitV1(std::string_view text, StatsSample& sample) {
  sample.memory_limit_bytes = parseLimitV1(text);
}
void applyMemoryLimitV2(std::string_view text, StatsSample& sample) {
  sample.memory_limit_bytes = parseCount(text);
}
void applyOomKills(std::string_view text, StatsSample& sample) {
  sample.oom_kills = parseKeyed(text, "oom_kill");
}
void applyPids(std::string_view text, StatsSample& sample) { sample.pids = parseCount(text); }
void applyPidsLimit(std::string_view text, StatsSample& sample) {
  sample.pids_limit = parseCount(text);
}
void applyBlock(std::optional<ByteCounters> bytes, StatsSample& sample) {
  if (!bytes) return;
  sample.block_read_bytes = bytes->read;
  sample.block_write_bytes = bytes->written;
}
void applyBlkioV1(std::string_view text, StatsSample& sample) {
  applyBlock(parseBlkio(text), sample);
}
void applyIoV2(std::string_view text, StatsSample& sample) {
  applyBlock(parseIoStat(text), sample);
}

/// Which file of which controller holds a figure. The order matters: usage before its parts.
struct Source {
  const char* controller;
  const char* v1_file;
  Apply v1;
  const char* v2_file;  ///< none: another source's file holds it
  Apply v2;
};
constexpr std::array<Source, 9> kSources = {{
    {"cpuacct", "cpuacct.usage", applyCpuTimeV1, "cpu.stat", applyCpuV2},
    {"cpu", "cpu.stat", applyThrottledV1, nullptr, nullptr},
    {"memory", "memory.usage_in_bytes", applyMemoryUsage, "memory.current", applyMemoryUsage},
    {"memory", "memory.stat", applyMemoryStatV1, "memory.stat", applyMemoryStatV2},
    {"memory", "memory.limit_in_bytes", applyMemoryLimitV1, "memory.max", applyMemoryLimitV2},
    {"memory", "memory.oom_control", applyOomKills, "memory.events", applyOomKills},
    {"pids", "pids.current", applyPids, "pids.current", applyPids},
    {"pids", "pids.max", applyPidsLimit, "pids.max", applyPidsLimit},
    {"blkio", "blkio.throttle.io_service_bytes_recursive", applyBlkioV1, "io.stat", applyIoV2},
}};
constexpr int kMaxKept = static_cast<int>(kSources.size()) + 1;
constexpr int kMinKept = 2;

/// Those of /proc/<pid>/net do not come whole with one call.
CgroupText readAll(int fd, CgroupBuffer& buffer) {
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t count =
        ::pread(fd, buffer.data() + size, buffer.size() - size, static_cast<off_t>(size));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return {{}, errno};
    if (count == 0) return {{buffer.data(), size}, 0};
    size += static_cast<std::size_t>(count);
  }
  return {{}, EFBIG};  // a part of a file is no figure
}

struct CounterFile {
  CgroupFile file;
  Apply apply;
};

Error runIsOver() {
  return {ErrorCode::kWrongState, Effect::kNone, "the run is over: its cgroup is gone"};
}

bool sameFile(int fd, const std::string& path) {
  struct stat one {};
  struct stat other {};
  return ::fstat(fd, &one) == 0 && ::stat(path.c_str(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

struct CgroupStats::Files {
  KeptDescriptors kept{kMaxKept, kMinKept};
  std::vector<CounterFile> counters;  ///< the first is always kept open
  Descriptor network;

  /// Opens the files there are. Returns an errno value that makes all of it pointless, or 0.
  int openAll(const CgroupPlaces& places) {
    for (const Source& source : kSources) {
      const std::optional<CgroupPlace> place = places.of(source.controller);
      const char* const name = !place ? nullptr : place->unified ? source.v2_file : source.v1_file;
      if (name == nullptr) continue;
      CgroupFile file(place->directory + "/" + name);
      const int error = file.open(kept.generous() || counters.empty());
      if (isExhausted(error)) return error;
      if (error == 0) counters.push_back({std::move(file), place->unified ? source.v2 : source.v1});
    }
    return 0;
  }

  /// Opens /proc/<pid>/net/dev, unless it is the host's own. Each network namespace has such a
  /// file of its own, and, unlike the namespace itself, anyone may look at it.
  int openNetwork(int pid, const HostRoots& roots) {
    const std::string path = roots.proc + "/" + std::to_string(pid) + "/net/dev";
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return isExhausted(errno) ? errno : 0;
    if (!sameFile(file.get(), roots.proc + "/self/net/dev")) network = std::move(file);
    return 0;
  }
};

CgroupStats::CgroupStats(RunId run, std::unique_ptr<Files> files)
    : run_(std::move(run)), files_(std::move(files)) {}
CgroupStats::~CgroupStats() = default;

Result<std::unique_ptr<CgroupStats>> CgroupStats::open(const RunId& run, int pid,
                                                       const HostRoots& roots, bool host_network) {
  const Result<CgroupPlaces> places = CgroupPlaces::find(pid, run.container.value, roots);
  if (!places) return places.error();
  auto files = std::make_unique<Files>();
  int error = files->openAll(*places);
  // An engine in a network namespace of its own calls that one the host's.
  if (error == 0 && !host_network) error = files->openNetwork(pid, roots);
  if (error != 0) return systemError(error, "cgroup files of process " + std::to_string(pid));
  // The process may have ended, and its id been given away, since its cgroups were looked up.
  if (const Result<void> checked = checkContainerOf(pid, run.container.value, roots); !checked)
    return checked.error();
  if (files->counters.empty())
    return Error{ErrorCode::kUnsupported, Effect::kNone,
                 "no controller is enabled for the container's cgroup, or the host's "
                 "/sys/fs/cgroup is not visible here"};
  return std::unique_ptr<CgroupStats>(new CgroupStats(run, std::move(files)));
}

Result<StatsSample> CgroupStats::sample(const Clock& clock) const {
  StatsSample sample;
  sample.run = run_;
  sample.taken_at = clock.now();
  CgroupBuffer buffer;
  for (const CounterFile& counter : files_->counters) {
    const CgroupText outcome = counter.file.read(buffer);
    if (isGone(outcome.error)) return runIsOver();
    if (isExhausted(outcome.error)) return systemError(outcome.error, counter.file.path());
    if (outcome.error == 0) counter.apply(outcome.text, sample);
  }
  if (files_->network) {
    const CgroupText outcome = readAll(files_->network.get(), buffer);
    const std::optional<ByteCounters> bytes =
        outcome.error == 0 ? parseNetDev(outcome.text) : std::nullopt;
    if (bytes) {
      sample.network_rx_bytes = bytes->read;
      sample.network_tx_bytes = bytes->written;
    }
  }
  // Files opened by path may belong to the container's next run, unless this run's still exists.
  if (!files_->kept.generous() && isGone(files_->counters.front().file.read(buffer).error))
    return runIsOver();
  return sample;
}

}  // namespace control::engine

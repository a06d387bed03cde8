#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include <libcontrol/result.h>
#include <libcontrol/stats.h>

#include "engine/cgroup_stats.h"
#include "engine/host_roots.h"
#include "engine/process.h"
#include "engine/run_source.h"

namespace control::engine {

/// An engine's own statistics: what stands in where the kernel's cannot be seen.
class StatsSource : public RunSource {
 public:
  /// The figures of a run, with the time they were taken. kWrongState: it is over. kUnsupported.
  virtual Result<StatsSample> readStats(const RunState& run, const CallContext& context) = 0;
};

/// Statistics of many containers at a time: from the kernel where the containers are on this host,
/// else from the engine.
///
/// Threads:  any method on any thread; no lock is held while files are read or the engine is asked.
/// Blocking: until the context's deadline or cancellation.
class StatsReader {
 public:
  /// `asks_engine`: the containers are known to be on another host.
  StatsReader(StatsSource& engine, HostRoots roots, bool asks_engine)
      : engine_(engine), roots_(std::move(roots)), asks_engine_(asks_engine) {}

  /// One answer for each id, in order.
  std::vector<Result<StatsSample>> read(std::span<const ContainerId> ids,
                                        const CallContext& context);

  /// The container's run is over, or another one began.
  void forget(const ContainerId& id);

 private:
  struct Sampler {
    std::shared_ptr<CgroupStats> files{};
    /// Of process 1, where the kernel lets us: the cgroup of a run may outlive it.
    std::shared_ptr<const Process> process{};
    TimePoint used_at{};
  };

  Sampler known(const ContainerId& id, TimePoint now);
  void keep(const ContainerId& id, Sampler sampler);
  void dropUnused(TimePoint now);
  Result<StatsSample> readOne(const ContainerId& id, const CallContext& context);

  void readTogether(std::span<const ContainerId> ids, const std::vector<std::size_t>& which,
                    std::vector<Result<StatsSample>>& out, const CallContext& context);

  StatsSource& engine_;
  const HostRoots roots_;
  std::atomic<bool> asks_engine_;  ///< it had to be asked before
  std::mutex mutex_;
  std::map<std::string, Sampler, std::less<>> samplers_{};  ///< guarded by mutex_; by full id
};

}  // namespace control::engine

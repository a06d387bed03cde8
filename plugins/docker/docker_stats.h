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

#include "docker/docker_api.h"
#include "docker/docker_json.h"
#include "engine/cgroup_stats.h"

namespace control::docker {

/// Statistics of many containers at a time: from the kernel where the containers are on this host,
/// else from the engine.
///
/// Threads:  any method on any thread; no lock is held while files are read or the engine is asked.
/// Blocking: until the context's deadline or cancellation.
class StatsReader {
 public:
  StatsReader(Api& api, engine::HostRoots roots) : api_(api), roots_(std::move(roots)) {}

  /// One answer for each id, in order.
  std::vector<Result<StatsSample>> read(std::span<const ContainerId> ids,
                                        const CallContext& context);

  /// The container's run is over, or another one began.
  void forget(const ContainerId& id);

 private:
  struct Sampler {
    std::shared_ptr<engine::CgroupStats> files{};
    TimePoint used_at{};
  };

  std::shared_ptr<engine::CgroupStats> known(const ContainerId& id, TimePoint now);
  void keep(const ContainerId& id, std::shared_ptr<engine::CgroupStats> files, TimePoint now);
  void dropUnused(TimePoint now);
  Result<StatsSample> readOne(const ContainerId& id, const CallContext& context);
  Result<StatsSample> fromEngine(const RunState& run, const CallContext& context);

  void readTogether(std::span<const ContainerId> ids, const std::vector<std::size_t>& which,
                    std::vector<Result<StatsSample>>& out, const CallContext& context);

  Api& api_;
  const engine::HostRoots roots_;
  std::atomic<bool> asks_engine_{false};  ///< it had to be asked before
  std::mutex mutex_;
  std::map<std::string, Sampler, std::less<>> samplers_{};  ///< guarded by mutex_; by full id
};

}  // namespace control::docker

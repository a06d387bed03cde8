#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "docker/docker_api.h"
#include "docker/docker_json.h"
#include "engine/host_roots.h"
#include "engine/wakeup.h"

namespace control::docker {

/// Tells armed watches that a start of their container went through this runtime, so that they can
/// look for the process instead of waiting for the engine's word.
///
/// Threads: any method on any thread.
class StartNotices {
 public:
  /// While it lives, `wakeup` is signalled at each start of one container.
  class Subscription {
   public:
    Subscription(StartNotices& notices, engine::Wakeup& wakeup);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    /// The container, by id and by name: a start may use either.
    void setContainer(std::string id, std::string name);

    /// Whether there was a start since the last call.
    bool takeStarted() noexcept { return started_.exchange(false); }

   private:
    friend class StartNotices;
    StartNotices& notices_;
    engine::Wakeup& wakeup_;
    std::string id_{};  ///< guarded by the mutex of notices_, as the name
    std::string name_{};
    std::atomic<bool> started_{false};
  };

  void started(std::string_view id);

 private:
  std::mutex mutex_;
  std::vector<Subscription*> subscriptions_{};  ///< guarded by mutex_
};

/// Arms a watch: ContainerRuntime::watchExit.
Result<std::unique_ptr<ExitWatch>> watchExit(Api& api, StartNotices& notices, const ContainerId& id,
                                             const engine::HostRoots& roots,
                                             const CallContext& context);

/// The state of a container's latest run.
Result<RunState> inspectRun(Api& api, const std::string& id, const CallContext& context);

}  // namespace control::docker

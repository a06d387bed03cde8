#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "docker/docker_api.h"
#include "docker/docker_json.h"
#include "engine/host_roots.h"
#include "engine/oom_watch.h"
#include "engine/process.h"
#include "engine/wakeup.h"

namespace control::docker {

/// What was seen right after a start.
struct Start {
  bool seen = false;                                 ///< false: the engine could not be asked
  std::optional<RunId> run{};                        ///< absent when it was over already
  std::shared_ptr<const engine::Process> process{};  ///< of that run, where it is on this host
  std::shared_ptr<const engine::OomWatch> oom{};     ///< beside process, where the kernel lets us
};

/// Tells armed watches that a start of their container went through this runtime, so that they can
/// look for the process instead of waiting for the engine's word. The process is held from the
/// start on: a watch that nobody waits on yet still learns how it ended.
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

    /// The first start since the subscription, once.
    std::optional<Start> takeStarted();

   private:
    friend class StartNotices;
    StartNotices& notices_;
    engine::Wakeup& wakeup_;
    std::string id_{};  ///< guarded by the mutex of notices_, as the name
    std::string name_{};
    std::optional<Start> started_{};
    bool taken_ = false;
  };

  /// Whether any watch waits for a start of the container.
  bool watched(std::string_view id);

  void started(std::string_view id, const Start& start);

 private:
  std::mutex mutex_;
  std::vector<Subscription*> subscriptions_{};  ///< guarded by mutex_
};

/// Arms a watch: ContainerRuntime::watchExit.
Result<std::unique_ptr<ExitWatch>> watchExit(Api& api, StartNotices& notices, const ContainerId& id,
                                             const engine::HostRoots& roots,
                                             const CallContext& context);

/// Looks at a run that was just started.
Start lookAtStart(Api& api, const std::string& id, const engine::HostRoots& roots,
                  const CallContext& context);

/// The state of a container's latest run.
Result<RunState> inspectRun(Api& api, const std::string& id, const CallContext& context);

}  // namespace control::docker

#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/types.h>

#include "engine/host_roots.h"
#include "engine/oom_watch.h"
#include "engine/process.h"
#include "engine/run_source.h"
#include "engine/wakeup.h"

namespace control::engine {

/// What was seen right after a start.
struct Start {
  bool seen = false;                         ///< false: the engine could not be asked
  std::optional<RunId> run{};                ///< absent when it was over already
  std::shared_ptr<const Process> process{};  ///< of that run, where it is on this host
  std::shared_ptr<const OomWatch> oom{};     ///< beside process, where the kernel lets us
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
    Subscription(StartNotices& notices, Wakeup& wakeup);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    void setContainer(std::string id);

    /// The first start since the subscription, once.
    std::optional<Start> takeStarted();

   private:
    friend class StartNotices;
    StartNotices& notices_;
    Wakeup& wakeup_;
    std::string id_{};  ///< guarded by the mutex of notices_
    std::optional<Start> started_{};
    bool taken_ = false;
  };

  /// Whether any watch waits for a start of the container of that full id.
  bool watched(std::string_view id);

  void started(std::string_view id, const Start& start);

 private:
  std::mutex mutex_;
  std::vector<Subscription*> subscriptions_{};  ///< guarded by mutex_
};

/// Looks at a run that was just started.
Start lookAtStart(RunSource& engine, const std::string& id, const HostRoots& roots,
                  const CallContext& context);

/// Null where the kernel does not let us.
std::shared_ptr<const OomWatch> watchOom(const RunState& run, const HostRoots& roots);

}  // namespace control::engine

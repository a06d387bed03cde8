#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <libcontrol/supervisor.h>

#include "supervise/entry.h"
#include "supervise/executor.h"
#include "supervise/job.h"
#include "supervise/timers.h"
#include "supervise/watcher.h"

namespace control {

using EntryPtr = std::shared_ptr<Entry>;
using JobPtr = std::shared_ptr<Job>;

/// The supervisor's inside. Four concerns, a file each:
///   core.cpp      accepts operations and works off the entries' queues
///   lifecycle.cpp what the operations do
///   observe.cpp   exits, events, adoption, the engine lost and found
///   sampling.cpp  statistics
class Supervisor::Core {
 public:
  Core(std::shared_ptr<ContainerRuntime> runtime, SupervisorOptions options,
       SupervisorObserver& observer);
  ~Core();

  // core.cpp
  Result<void> create(const std::string& name, EntrySpec spec, std::string operation_id);
  Result<void> accept(const std::string& name, JobPtr job);
  Result<void> pull(const std::string& image, PullOptions options, std::string operation_id);
  JobPtr makeJob(Job::Type type, OperationKind kind, std::string operation_id) const;
  Result<EntryStatus> status(const std::string& name) const;
  std::vector<EntryStatus> list() const;

  // observe.cpp
  void open(const CallContext& context);
  bool engineReachable() const noexcept { return reachable_.load(); }

  // sampling.cpp
  Result<EntryStatus> measure(const std::string& name, const CallContext& context);

 private:
  // core.cpp
  Result<EntryPtr> find(const std::string& name) const;
  Result<void> joinStop(Entry& entry, const JobPtr& job);
  static void joinWaitingStop(const Entry& entry, Job& waiting, const Job& job);
  void overtakeStarts(Entry& entry, std::vector<JobPtr>& overtaken);
  static bool push(Entry& entry, JobPtr job);
  void enqueue(const EntryPtr& entry, JobPtr job);
  void workOff(const EntryPtr& entry);
  void run(const EntryPtr& entry, const JobPtr& job);
  void endOperation(const Entry& entry, const Job& job, const Result<void>& result);
  void forget(const EntryPtr& entry);
  CallContext callContext(std::stop_token token) const;
  CallContext callContext() const { return callContext(stopping_.get_token()); }

  // lifecycle.cpp
  Result<void> doCreate(const EntryPtr& entry, Job& job);
  Result<CreatedContainer> createContainer(Entry& entry, Job& job);
  Result<void> doStart(const EntryPtr& entry, Job& job);
  Result<void> startContainer(const EntryPtr& entry, Job& job);
  Result<void> doStop(const EntryPtr& entry, Job& job);
  Result<StopReport> stopContainer(Entry& entry, Job& job);
  Result<StopOptions> nextStopAttempt(Entry& entry, Job& job);
  void recordStop(const EntryPtr& entry, const Job& job, const StopReport& report,
                  EntryState state);
  Result<void> doRestart(const EntryPtr& entry, Job& job);
  Result<void> doRemove(const EntryPtr& entry, Job& job);
  Result<void> doUpdate(const EntryPtr& entry, Job& job);
  Result<void> doAutoRestart(const EntryPtr& entry, Job& job);
  void restartFailed(const EntryPtr& entry, const Job& job);
  Result<void> applyPendingUpdates(Entry& entry, const CallContext& context);
  Result<void> recreate(Entry& entry, const ContainerInfo& info, const ContainerSpec& wanted,
                        const CallContext& context);
  void fail(const EntryPtr& entry, const Job& job, OperationKind kind, Reason reason,
            const Error& error);

  // observe.cpp
  void watchFired(std::uint64_t token);
  void observeExit(const EntryPtr& entry);
  void runEnded(const EntryPtr& entry, const ExitStatus& exit);
  void planRestart(const EntryPtr& entry, bool counts = true);
  void reconcile(const EntryPtr& entry);
  void adopt(Entry& entry, const ContainerInfo& info);
  void containerGone(const EntryPtr& entry);
  void armWatch(const EntryPtr& entry, std::unique_ptr<ExitWatch> watch);
  void disarmWatch(Entry& entry);
  /// Arms a watch that is bound to the run that `entry` is in, cheaper than one armed before it.
  void rearmForRun(const EntryPtr& entry);
  void look(const EntryPtr& entry, Job::Type type = Job::Type::kReconcile);
  void lookLater(const EntryPtr& entry);
  void connectEvents(const CallContext& context);
  void tellEngine(bool reachable, const std::string& reason);
  void engineLost(const Error& error);
  Result<void> relist(const CallContext& context);
  void lookAtAll(std::vector<EntryPtr> entries, const CallContext& context);
  void meet(const ContainerId& id);
  void handleEvent(const Event& event);
  EntryPtr entryNamedBy(const std::map<std::string, std::string>& labels, bool make);
  void keepLooking();

  // sampling.cpp
  void keepSampling();
  void sampleAll();
  void primeStats(Entry& entry);

  /// Changes the state and tells it. `transition` carries what else there is to say.
  void setState(Entry& entry, EntryState state, std::optional<Reason> reason, const Job* job,
                Transition transition = {});
  Clock& clock() const { return runtime_->clock(); }

  std::shared_ptr<ContainerRuntime> runtime_;
  const SupervisorOptions options_;
  SupervisorObserver& observer_;
  std::stop_source stopping_;
  std::atomic<bool> reachable_{false};
  std::atomic<bool> listed_{false};  ///< the entries that the engine has are known

  mutable std::mutex mutex_;
  // Guarded by mutex_, which is taken before an entry's own.
  std::map<std::string, EntryPtr> entries_;
  std::unordered_map<std::uint64_t, std::weak_ptr<Entry>> watches_;
  std::optional<bool> told_reachable_;
  bool connecting_ = false;
  bool connect_again_ = false;  ///< the stream was lost while connecting
  int looks_ = 0;

  // Last, and ended first: they call the rest.
  Executor executor_;
  Watcher watcher_;
  Timers timers_;
};

}  // namespace control

#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <libcontrol/supervisor.h>

#include "supervise/consoles.h"
#include "supervise/entry.h"
#include "supervise/executor.h"
#include "supervise/job.h"
#include "supervise/next_specs.h"
#include "supervise/pulls.h"
#include "supervise/timers.h"
#include "supervise/watcher.h"

namespace control {

using EntryPtr = std::shared_ptr<Entry>;
using JobPtr = std::shared_ptr<Job>;

/// The supervisor's inside. A file for each concern:
///   core.cpp      accepts operations and works off the entries' queues
///   lifecycle.cpp creates, starts, restarts, removes
///   stop.cpp      stops, and stops that join
///   ladder.cpp    the steps of a stop before it kills
///   update.cpp    changes limits and specifications, makes containers anew
///   policy.cpp    what is wanted: restarts after a crash, what is started again
///   observe.cpp   one entry: its exits, events, what the engine says of it
///   engine.cpp    all entries: the engine lost and found, lists
///   sampling.cpp  statistics
///   console.cpp   consoles
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
  Result<std::optional<ContainerSpec>> nextSpec(const std::string& name) const;

  // engine.cpp
  void open(const CallContext& context);
  bool turns() {
    const bool times = timers_.turns();
    const bool watches = watcher_.turns();
    return consoles_.turns() && times && watches;
  }
  bool engineReachable() const noexcept { return reachable_.load(); }
  std::vector<Orphan> orphans() const;

  // console.cpp
  Result<ConsolePage> console(const std::string& name, const ConsoleQuery& query) const;
  Result<void> sendLine(const std::string& name, std::string line, Duration timeout,
                        std::function<void(const Result<void>& written)> done);

  // sampling.cpp
  Result<EntryStatus> measure(const std::string& name, const CallContext& context);

 private:
  /// The engine as it was at one moment: an answer that was asked for before it was lost says
  /// nothing of the one that was found.
  using Generation = std::uint64_t;
  /// Names of entries that were forgotten since a list was asked for, which may still show them.
  using Forgotten = std::shared_ptr<std::set<std::string>>;

  /// An answer that does not come holds up whatever waits behind a look.
  static constexpr Duration kLookTimeout = std::chrono::seconds(10);

  // core.cpp
  Result<EntryPtr> find(const std::string& name) const;
  static bool push(Entry& entry, JobPtr job);
  void enqueue(const EntryPtr& entry, JobPtr job);
  void workOff(const EntryPtr& entry);
  void run(const EntryPtr& entry, const JobPtr& job);
  Result<void> perform(const EntryPtr& entry, Job& job);
  void endOperation(const Entry& entry, const Job& job, const Result<void>& result);
  void letGo(Entry& entry);
  void forget(const EntryPtr& entry);
  CallContext callContext(std::stop_token token) const;
  CallContext callContext() const { return callContext(stopping_.get_token()); }
  CallContext lookContext(Entry& entry) const;

  // lifecycle.cpp
  Result<void> doCreate(const EntryPtr& entry, Job& job);
  void keepCreation(Entry& entry, bool start);
  Result<CreatedContainer> createContainer(Entry& entry, Job& job);
  /// What a creation whose answer was lost has made after all: it is ours if it carries our label.
  std::optional<CreatedContainer> madeAllTheSame(const Entry& entry);
  Result<std::optional<ContainerId>> findOwn(const Entry& entry);
  Result<void> doStart(const EntryPtr& entry, Job& job);
  Result<void> startContainer(const EntryPtr& entry, Job& job);
  Result<void> doRestart(const EntryPtr& entry, Job& job);
  Result<void> doRemove(const EntryPtr& entry, Job& job);
  /// Tells that an operation failed, with the state that the engine shows now, and gives that.
  /// `resting`: what a container that does not run is; absent: what the engine calls it.
  EntryState fail(const EntryPtr& entry, const Job& job, OperationKind kind, Reason reason,
                  const Error& error, std::optional<EntryState> resting = std::nullopt);

  // stop.cpp
  Result<void> joinStop(Entry& entry, const JobPtr& job);
  static void joinWaitingStop(const Entry& entry, Job& waiting, const Job& job);
  void overtakeStarts(Entry& entry, std::vector<JobPtr>& overtaken);
  Result<void> doStop(const EntryPtr& entry, Job& job);
  static bool isDown(Entry& entry);
  void staysDown(Entry& entry, const Job& job);
  Result<Stopped> stopContainer(Entry& entry, Job& job);
  Result<StopOptions> nextStopAttempt(Entry& entry, Job& job);
  void recordStop(const EntryPtr& entry, Job& job, const Stopped& report, EntryState state);

  // ladder.cpp
  Result<std::optional<Stopped>> climb(Entry& entry, Job& job);
  Result<std::optional<StopLadder::Rung>> nextRung(Entry& entry, Job& job);
  Result<std::optional<Stopped>> awaitEnd(ExitWatch& watch, const StopLadder::Rung& rung,
                                          TimePoint deadline, const Job& job);
  Result<SignalOutcome> deliver(const ContainerId& id, const StopLadder::Rung& rung,
                                const CallContext& context);

  // update.cpp
  Result<void> doUpdate(const EntryPtr& entry, Job& job);
  static Result<NextSpec> nextAfter(const Entry& entry, const EntryUpdate& update,
                                    const std::optional<ContainerInfo>& info);
  /// Before the container is touched.
  Result<void> keepNext(Entry& entry, NextSpec next);
  void dropNext(Entry& entry);
  /// Once the container is known that the entry has.
  void dropNextIfMade(Entry& entry, const ContainerId& container);
  Result<void> applyNext(Entry& entry, const CallContext& context);
  Result<void> takeAway(Entry& entry, const ContainerInfo& info, const CallContext& context);
  Result<void> makeNext(Entry& entry);
  void makeAgain(const EntryPtr& entry);
  void settleMade(const EntryPtr& entry, Transition told = {});

  // policy.cpp
  /// With the entry's mutex held.
  void want(Entry& entry, const Desired& desired);
  void wantAs(Entry& entry, Job& job);
  void awaitKept() { (void)desired_.awaitWritten(kDiskPatience); }
  void runEnded(const EntryPtr& entry, const ExitStatus& exit);
  void planRestart(const EntryPtr& entry, bool counts = true);
  /// With the entry's mutex held: it runs, and no restart is due.
  void restarted(Entry& entry);
  void keepLater(const EntryPtr& entry);
  void restartAfter(const EntryPtr& entry, Duration delay, std::uint64_t generation);
  bool beginsByItself(Entry& entry, const Job& job, std::optional<Reason> reason);
  Result<void> doAutoRestart(const EntryPtr& entry, Job& job);
  Result<void> doRestore(const EntryPtr& entry, Job& job);
  void startFailed(const EntryPtr& entry, Job& job, const Error& error);
  void settle(const EntryPtr& entry, const ContainerInfo& info, bool together);
  void loseSight(const EntryPtr& entry);
  void restore(const EntryPtr& entry, const ContainerInfo& info);
  void takeTurn(const EntryPtr& entry);
  void restoreNext();
  void endTurn(const Job& job);

  // observe.cpp
  void watchFired(std::uint64_t token);
  void observeExit(const EntryPtr& entry);
  void reconcile(const EntryPtr& entry);
  void learn(Entry& entry);
  void adopt(Entry& entry, const ContainerInfo& info);
  /// With the entry's mutex held: takes over what its container is made from.
  void describe(Entry& entry, const ContainerSpec& spec) const;
  void containerGone(const EntryPtr& entry);
  void armWatch(const EntryPtr& entry, std::unique_ptr<ExitWatch> watch);
  void disarmWatch(Entry& entry);
  /// Arms a watch that is bound to the run that `entry` is in, cheaper than one armed before it.
  void rearmForRun(const EntryPtr& entry);
  void look(const EntryPtr& entry, Job::Type type = Job::Type::kReconcile);
  void lookLater(const EntryPtr& entry);
  void handleEvent(const Event& event);
  void noteSignal(Entry& entry, const Event& event);
  void meet(const Event& event);

  // engine.cpp
  void connect(const CallContext& context, bool wait = false);
  void planConnect(Duration delay);
  void streamLost();
  std::optional<bool> diedTogether() const;
  bool openStream(const CallContext& context);
  std::optional<bool> tellEngine(bool reachable, const std::string& reason, Generation asked_in);
  void engineLost(const Error& error, Generation asked_in);
  Result<void> relist(const CallContext& context, bool wait = false);
  std::optional<std::vector<EntryPtr>> compare(const std::vector<ContainerSummary>& listed,
                                               const std::set<std::string>& forgotten,
                                               Generation asked_in);
  struct Looking;
  void lookAtAll(std::vector<EntryPtr> entries, const CallContext& context, bool wait);
  void lookOn(Looking& looking);
  void joinLookersLater(const std::shared_ptr<Looking>& looking);
  bool isEntryName(std::string_view name) const;
  EntryPtr entryOf(const std::string& name, bool make);
  /// Why a container with these labels and this name is no entry's; empty: it is.
  std::string whyNobodys(const std::map<std::string, std::string>& labels, const ContainerId& id,
                         const std::string& name) const;
  /// Whether what was found under an entry's name is the entry's: it may be anybody's.
  bool isOurs(const ContainerInfo& info) const;
  void keepLooking();
  Generation generation() const;

  // console.cpp
  /// Tells its console what the entry's container and run are.
  void followConsole(Entry& entry);

  // sampling.cpp
  void keepSampling();
  void sampleAll();
  std::vector<EntryStatus> sample(const std::vector<EntryPtr>& all);
  void primeStats(const EntryPtr& entry);

  /// Changes the state and tells it. `transition` carries what else there is to say.
  void setState(Entry& entry, EntryState state, std::optional<Reason> reason, const Job* job,
                Transition transition = {});
  Clock& clock() const { return runtime_->clock(); }

  /// How long an operation waits until what it wants is on disk.
  static constexpr Duration kDiskPatience = std::chrono::seconds(1);

  std::shared_ptr<ContainerRuntime> runtime_;
  const SupervisorOptions options_;
  SupervisorObserver& observer_;
  std::stop_source stopping_;
  std::atomic<bool> reachable_{false};
  std::atomic<bool> listed_{false};  ///< the entries that the engine has are known

  std::mutex telling_;  ///< held while the observer is told of the engine; taken before mutex_
  mutable std::mutex mutex_;
  // Guarded by mutex_, which is taken before an entry's own.
  std::map<std::string, EntryPtr> entries_;
  std::unordered_map<std::uint64_t, std::weak_ptr<Entry>> watches_;
  // From before this process, of entries not seen yet.
  DesiredStates kept_;
  std::map<std::string, NextSpec> kept_next_;
  std::vector<Orphan> orphans_;
  Generation generation_ = 0;
  std::optional<bool> told_reachable_;
  /// None of ours ran when the engine was found: it took them along, or the host did.
  std::optional<bool> died_together_;
  std::vector<std::weak_ptr<std::set<std::string>>> lists_under_way_;
  std::set<ContainerId> meeting_;
  std::optional<TimePoint> connect_at_;
  TimePoint stream_opened_{};
  bool stream_lasted_ = true;  ///< the one before
  bool connecting_ = false;
  bool connect_again_ = false;  ///< the stream was lost while connecting
  std::deque<EntryPtr> restoring_;
  std::size_t restoring_now_ = 0;
  std::vector<EntryPtr> unprimed_;
  bool priming_ = false;
  int looks_ = 0;

  DesiredFile desired_;
  NextSpecs next_specs_;
  Pulls pulls_;
  Consoles consoles_;
  // Last, and ended first: they call the rest.
  Executor executor_;
  Watcher watcher_;
  Timers timers_;
};

}  // namespace control

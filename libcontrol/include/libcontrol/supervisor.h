#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/console.h>
#include <libcontrol/result.h>
#include <libcontrol/runtime.h>
#include <libcontrol/stats.h>
#include <libcontrol/types.h>

namespace control {

enum class EntryState : int {
  kUnknown = 0,  ///< the engine cannot be reached, or was not asked yet
  kCreating = 1,
  kCreated = 2,
  kPulling = 3,
  kStarting = 4,
  kRunning = 5,
  kStopping = 6,
  kStopped = 7,
  kRestarting = 8,
  kCrashed = 9,  ///< waiting to be restarted; told before kFailed of one that gives up as well
  kFailed = 10,  ///< gave up, or could not be created
  kDeleting = 11,
  kDeleted = 12,
};
std::string_view toString(EntryState state) noexcept;  ///< "creating", ...

/// Why an entry changed its state.
enum class Reason : int {
  kRequested = 1,  ///< by an operation; also of a start after a crash
  kStoppedGracefully = 2,
  kKilledAfterTimeout = 3,
  kKilled = 4,
  kCrashed = 5,
  kOomKilled = 6,
  kExited = 7,  ///< ended and nobody here asked for it, but not as a crash: see RestartPolicy
  kStartFailed = 8,
  kAdopted = 9,
  kEngineLost = 10,
  kRemoved = 11,
  kPortConflict = 12,  ///< not started: a port is taken
  kImageMissing = 13,  ///< not created or not started: there is no such image
  kRestored = 14,  ///< wanted running, and found not to run: after the host or the engine was down
};
std::string_view toString(Reason reason) noexcept;  ///< "stopped_gracefully", ...

/// What to do when a run ends that nobody here asked to end.
///
/// A crash is an exit code other than 0, a signal, or the kernel's kill for lack of memory. No
/// crash is the end of a process that was asked to end: with exit code 0, by SIGTERM, SIGINT or
/// SIGHUP (or the exit codes 143, 130, 129), or after another client of the engine has sent it a
/// stop signal, which leaves it stopped whatever the policy. A start that fails is no crash either:
/// it is tried again only where the engine was in trouble, and otherwise ends in
/// EntryState::kFailed with its reason. Nor is what an engine or a host that goes down takes along.
struct RestartPolicy {
  enum class Mode : int { kNo = 0, kOnFailure = 1, kAlways = 2 };
  Mode mode = Mode::kNo;
  int max_retries = 3;  ///< in a row, at least 0; counted anew after a run of `reset_after`
  Duration first_delay = std::chrono::seconds(1);  ///< doubles with each retry in a row
  Duration longest_delay = std::chrono::minutes(5);
  Duration reset_after = std::chrono::minutes(10);

  /// "no", "on-failure:3", "always:3" and back, with times other than the usual ones behind it in
  /// milliseconds ("always:3:500:60000:600000"); how the policy is kept in a label.
  std::string toText() const;
  static std::optional<RestartPolicy> parse(std::string_view text);
};

/// How a server is asked to end: one rung after the other, and SIGKILL when the last one's time is
/// over as well. A command that cannot be written goes on to the next rung at once.
struct StopLadder {
  struct Rung {
    /// A line for its standard input, as Supervisor::sendLine takes it; empty: `signal` is sent.
    std::string command{};
    Signal signal = Signal::term();
    Duration timeout{};  ///< how long it may take to end before the next rung
  };
  std::vector<Rung> rungs{};  ///< empty: its own stop signal and timeout

  /// "!save%20all/5000 SIGINT/30000" and back, with times in milliseconds; how it is kept in a
  /// label.
  std::string toText() const;
  static std::optional<StopLadder> parse(std::string_view text);
};

/// A container as somebody wants it. The supervisor names and labels it.
struct EntrySpec {
  ContainerSpec container{};
  PullPolicy pull = PullPolicy::kIfMissing;
  PullOptions pull_options{};
  RestartPolicy restart{};
  StopLadder stop_ladder{};
  bool start = false;  ///< start it once it is created
};

/// A change to an entry. Limits apply to a running container at once where the engine can;
/// `respec` (may be empty) gets the container's specification and returns the one to re-create it
/// from: now when it does not run, else before its next start, also by another process
/// (SupervisorOptions::state_file).
///
/// It is called once, on another thread, and gets what the update before it made where that waits
/// for a start as well. Of a container that runs, the ports are shown as bound; left as they are,
/// those are bound anew that were asked for.
struct EntryUpdate {
  ResourceLimits limits{};
  std::function<Result<ContainerSpec>(ContainerSpec current)> respec{};
};

enum class OperationKind : int {
  kCreate = 1,
  kStart = 2,
  kStop = 3,
  kRestart = 4,
  kKill = 5,
  kRemove = 6,
  kUpdate = 7,
  kPull = 8,
};
std::string_view toString(OperationKind kind) noexcept;  ///< "create", ...

/// One change of an entry's state.
struct Transition {
  std::string entry{};
  EntryState previous = EntryState::kUnknown;
  EntryState current = EntryState::kUnknown;
  std::optional<Reason> reason{};
  std::string operation_id{};  ///< of the operation that caused it; empty: nobody asked
  std::optional<ContainerId> container{};
  std::optional<int> pid{};
  std::optional<ExitStatus> exit{};
  /// What ended it, of an end that was asked for: "command", "SIGINT", "SIGKILL".
  std::string rung{};
  /// The operation that failed and why, when this is how it is told; `current` is the true state.
  std::optional<OperationKind> failed{};
  std::optional<Error> error{};
};

/// The end of one accepted operation.
struct OperationEnd {
  std::string operation_id{};
  OperationKind kind = OperationKind::kStart;
  std::string entry{};
  std::optional<Error> error{};  ///< absent: it succeeded
  Duration elapsed{};
  std::string rung{};  ///< of a stop: as Transition::rung
};

/// What is known about an entry. Figures that are not known are absent.
struct EntryStatus {
  std::string name{};
  EntryState state = EntryState::kUnknown;
  std::optional<Reason> reason{};
  std::optional<ContainerId> container{};
  std::string image{};
  std::optional<int> pid{};              ///< while it runs
  std::optional<WallTime> started_at{};  ///< of the run that goes on, else of the last one
  std::optional<ExitStatus> exit{};      ///< of the last finished run
  int restarts = 0;                      ///< automatic ones since it was last started by request
  std::optional<StatsSample> stats{};
  std::optional<StatsRates> rates{};
};

/// A container that carries our mark and is no entry's. It is left alone.
struct Orphan {
  ContainerId id{};
  std::string name{};
  std::string image{};
  ContainerState state = ContainerState::kUnknown;
  std::string why{};  ///< "it belongs to 'node-2'"
};

/// Told what happens; what is of no interest need not be overridden. Calls for one entry come in
/// order; calls for different entries may come at the same time from different threads. Must not
/// throw, and must not wait for the supervisor.
class SupervisorObserver {
 public:
  virtual ~SupervisorObserver() = default;
  virtual void onTransition(const Transition& transition) { (void)transition; }
  virtual void onOperationEnd(const OperationEnd& end) { (void)end; }
  virtual void onPullProgress(const std::string& entry, const std::string& operation_id,
                              const std::string& image, const PullProgress& progress) {
    (void)entry, (void)operation_id, (void)image, (void)progress;
  }
  /// Every SupervisorOptions::stats_interval, all entries that run.
  virtual void onStats(const std::vector<EntryStatus>& running) { (void)running; }
  /// The engine answers for the first time, was lost or is back.
  virtual void onEngine(bool reachable, const std::string& reason) {
    (void)reachable, (void)reason;
  }
  /// Something is wrong with the supervisor's own keeping (SupervisorOptions::state_file), or right
  /// again; for people to read.
  virtual void onProblem(const std::string& problem) { (void)problem; }
  /// There are new lines in an entry's console: Supervisor::console gives them, also from here.
  /// Called on the one thread that reads all consoles.
  virtual void onConsole(const std::string& entry) { (void)entry; }
};

struct SupervisorOptions {
  /// Containers are named `<name_prefix><entry>`.
  std::string name_prefix = "control-";
  /// Label and value that mark a container as ours.
  std::pair<std::string, std::string> managed_label{"libcontrol.managed", "true"};
  /// Label whose value is the entry's name.
  std::string entry_label = "libcontrol.entry";
  /// Label and value that say which supervisor a container belongs to, when several share an
  /// engine: one that carries another value is left alone. An empty key: all are ours.
  std::pair<std::string, std::string> owner_label{};
  /// Label that keeps the restart policy (RestartPolicy::toText).
  std::string restart_label = "libcontrol.restart";
  /// Label that keeps the stop ladder (StopLadder::toText).
  std::string stop_ladder_label = "libcontrol.stop";
  Duration stats_interval = std::chrono::seconds(5);  ///< 0: never on its own
  std::size_t queue_limit = 64;  ///< operations waiting for one entry, at least 1
  /// One engine call (pull and stop have their own); at least 100 ms.
  Duration engine_timeout = std::chrono::seconds(60);
  /// All containers are listed so often while events come, at least 1 s, else every 2 s.
  Duration relist_interval = std::chrono::seconds(60);
  /// Which names an entry may have, beyond those that the engine takes; empty: no more conditions.
  std::function<bool(std::string_view)> is_entry_name{};
  /// Whether an entry may be started now that nobody asks to start: after a crash, or because it is
  /// wanted running and was found not to run. False: not now; it is asked again every second.
  /// Empty: always.
  ///
  /// It is asked once more when status() shows EntryState::kStarting, and a no then calls the start
  /// off. So whoever makes it answer no, and after that sees the entry at rest, knows that no such
  /// start is under way. Called from any thread; must not wait; may call status().
  std::function<bool(std::string_view entry)> may_start{};
  /// Path of the file that keeps what is wanted of each entry beyond this process; empty:
  /// nothing is kept. Its directory must exist and belong to this process alone. It is written at
  /// each change, before the engine is asked to do anything; a disk that takes longer than a second
  /// or is full holds up nothing: it is told by onProblem() and tried again.
  ///
  /// The directory `<state_file>.next` beside it keeps what containers are to be made anew from,
  /// the environment included, readable by its owner alone. An update that waits for a start and
  /// cannot be kept there fails. A container that was taken away to be made anew and then was not,
  /// whatever came in between, is made by the next process, and started if it is wanted running;
  /// where the engine refuses that, the one before is made again. One that cannot be made at all
  /// leaves an entry in EntryState::kFailed, of which a start, an update or a create tries again.
  std::string state_file{};
  /// How much of each entry's output is kept, with 24 bytes for each line; at least 16 KiB.
  /// 0: output is not read.
  std::size_t console_bytes = 256 * 1024;
  /// Path of the directory that keeps consoles beyond this process, a file for each;
  /// empty: they are not kept. Made when it is missing. A file that is lost loses history alone.
  std::string console_directory{};
};

/// Keeps named containers as somebody wants them.
///
/// Operations on one entry run in the order they were accepted; entries never wait for each other.
/// stop, kill and remove overtake and cancel a start that waits or runs. A stop goes up the entry's
/// ladder, unless its options name a signal or a timeout. A stop during a stop joins it and may
/// only shorten the time left. The engine is the truth: at open() and after the engine was lost
/// everything is read again and running containers are adopted, not touched. Those that are wanted
/// running and do not run are started, at most 4 at a time; what somebody stopped, and what gave
/// up, stays so.
///
/// An operation that is refused changes nothing and is not told of. One that is accepted ends with
/// exactly one onOperationEnd() that carries its `operation_id`, which is the caller's: the
/// supervisor compares it with nothing. Operations that need the same image at the same time share
/// one pull.
///
/// Threads:  any method may run on any thread, not from the observer's calls except status(),
///           list() and console().
/// Blocking: open() and the destructor only. Others accept or refuse at once.
/// Errors:   kInvalidArgument: a name, a restart policy or a stop ladder that cannot be kept; what
///           else is wrong with a specification is the engine's to say, when the operation ends.
///           kNotFound: no such entry, or one without a container. kAlreadyExists. kWrongState: it
///           is being deleted. kResourceExhausted: queue_limit operations wait already, which keeps
///           out no stop, kill or remove. kUnavailable: the engine has not been reached since
///           open(), so it is not known what there is. Accepted operations end with the errors of
///           ContainerRuntime, and with kCancelled when a later one overtook them.
class Supervisor {
 public:
  Supervisor(std::shared_ptr<ContainerRuntime> runtime, SupervisorOptions options,
             SupervisorObserver& observer);
  /// Ends what runs inside; touches no container. Operations still waiting end with kCancelled.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Subscribes, lists and adopts; call it once. An engine that is not there is not an error: the
  /// supervisor goes on trying and says so by onEngine().
  void open(const CallContext& context);

  Result<void> create(const std::string& entry, EntrySpec spec, std::string operation_id);
  Result<void> start(const std::string& entry, std::string operation_id);
  Result<void> stop(const std::string& entry, StopOptions options, std::string operation_id);
  Result<void> restart(const std::string& entry, StopOptions options, std::string operation_id);
  Result<void> kill(const std::string& entry, std::string operation_id);
  /// Stops the container as its ladder or its own stop signal and timeout say, and removes it.
  Result<void> remove(const std::string& entry, std::string operation_id);
  Result<void> update(const std::string& entry, EntryUpdate update, std::string operation_id);
  /// Pulls an image, also one that is there; belongs to no entry and waits for none. Its progress
  /// and end carry an empty entry.
  Result<void> pull(const std::string& image, PullOptions options, std::string operation_id);

  /// From memory, with the latest statistics. Asks no engine.
  Result<EntryStatus> status(const std::string& entry) const;
  std::vector<EntryStatus> list() const;

  /// status() with statistics no older than a second, asking the runtime where they are.
  Result<EntryStatus> measure(const std::string& entry, const CallContext& context);

  /// Containers with managed_label that no entry has, as of the latest list.
  std::vector<Orphan> orphans() const;
  /// What an entry's containers wrote, from memory. It is read from the engine's log, with each run
  /// and after each loss from where it was left, so that no line is missing or there twice as long
  /// as the engine has it.
  Result<ConsolePage> console(const std::string& entry, const ConsoleQuery& query) const;

  /// Writes one line to the stdin of an entry that runs, after those that were accepted before it.
  /// `line` holds no control characters but tabs, and at most 4095 bytes. Once accepted, `done` is
  /// called once, from another thread, when the line was written (whether it is read is the
  /// process's affair) or could not be: kDeadlineExceeded when the process does not read what came
  /// before, kUnsupported when it has no stdin.
  /// kInvalidArgument: such a line. kWrongState: it does not run. kResourceExhausted: 64 lines
  /// wait.
  Result<void> sendLine(const std::string& entry, std::string line, Duration timeout,
                        std::function<void(const Result<void>& written)> done);

  /// What an entry's container is made anew from before its next start; nothing: no change waits
  /// for that. kNotFound: no such entry.
  Result<std::optional<ContainerSpec>> nextSpec(const std::string& entry) const;

  bool engineReachable() const noexcept;

  /// Whether the threads that restarts, deadlines and lists, events and exits, and consoles hang on
  /// have turned since the last call; true at first. For a watchdog that asks every few seconds.
  /// Blocking: none.
  bool turns();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace control

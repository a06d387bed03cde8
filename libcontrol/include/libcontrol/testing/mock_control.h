#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/result.h>
#include <libcontrol/streams.h>
#include <libcontrol/types.h>

namespace control::testing {

class FakeClock;

/// The calls of ContainerRuntime that reach an engine.
enum class Primitive : int {
  kInfo = 1,
  kCreate = 2,
  kStart = 3,
  kSignal = 4,
  kWatchExit = 5,
  kRemove = 6,
  kInspect = 7,
  kList = 8,
  kStats = 9,
  kUpdate = 10,
  kLogs = 11,
  kAttach = 12,
  kExec = 13,
  kEvents = 14,
  kPull = 15,
  kFindImage = 16,
};

/// "info", "create", "watch_exit", "find_image": the words of scenario files and of the journal.
constexpr std::string_view toString(Primitive primitive) noexcept {
  constexpr std::string_view kWords[] = {
      "",      "info",   "create", "start",  "signal", "watch_exit", "remove", "inspect",   "list",
      "stats", "update", "logs",   "attach", "exec",   "events",     "pull",   "find_image"};
  const auto number = static_cast<std::size_t>(primitive);
  return number < std::size(kWords) ? kWords[number] : std::string_view();
}

/// One call as the engine saw it.
struct JournalEntry {
  TimePoint at{};
  Primitive primitive = Primitive::kInfo;
  std::string
      subject{};  ///< the id, name, or image as the caller gave it; empty where there is none
  std::string detail{};  ///< what else the caller asked for, as "SIGTERM" or "force"
  bool finished = false;
  TimePoint finished_at{};
  std::string outcome{};             ///< of a call that succeeded: "started", "running", "3"
  std::optional<ErrorCode> error{};  ///< of one that failed
  Effect effect = Effect::kNone;     ///< what the caller was told about a failed call
  std::string rule{};                ///< the rule that acted on it, by its line or number

  bool operator==(const JournalEntry&) const = default;
};

/// When a rule acts: on calls, or with `event` or `any_event` on events that are about to be told.
/// All that is set must hold.
struct RuleCondition {
  std::optional<Primitive> primitive{};  ///< absent: every call
  std::optional<EventType> event{};
  bool any_event = false;
  /// Of the container (its id serves as well) or image that the call or event is about; a call that
  /// is about none does not match.
  std::string name{};
  std::string name_glob{};  ///< the same with `*` and `?`
  /// Labels of that container; for list and events those that they filter by. An empty value asks
  /// for the key alone.
  std::map<std::string, std::string> labels{};
  // At most one of these three; without any of them the rule acts each time.
  std::uint64_t nth = 0;                ///< the nth match alone
  std::uint64_t every = 0;              ///< each match whose number it divides
  std::optional<double> probability{};  ///< above 0 and up to 1, from the engine's seed
  std::uint64_t times = 0;  ///< no longer after acting so often; 0: no limit. Not with `nth`
};

/// A point in the course of a call.
enum class CallPhase : int {
  kBefore = 1,  ///< before anything was done
  kAfter = 2,   ///< after it was done, before the caller is told
};

/// How far into a stream.
struct StreamPoint {
  std::optional<std::uint64_t> items{};
  std::optional<std::uint64_t> bytes{};  ///< logs, attach and exec only
};

/// What a rule does. Of `error`, `hang` and `drop_connection` at most one.
struct RuleAction {
  /// The engine takes so long before it does anything. A caller that leaves before finds nothing
  /// done.
  Duration latency{};
  /// The call fails. With Effect::kNone nothing is done; otherwise it is done first, and a call
  /// that fails by itself keeps its own error. Together with `truncate_stream` the call succeeds
  /// and the stream fails with it. Without a message it gets one that tells of the rule.
  std::optional<Error> error{};
  /// No answer comes, until the caller's deadline or cancellation, the engine's end or reset().
  std::optional<CallPhase> hang{};
  /// The call fails with kUnavailable, a changing one with Effect::kUnknown.
  std::optional<CallPhase> drop_connection{};
  /// After so much, the connection of the stream that the call opens is lost. A watch loses it
  /// in place of the exit (0 items).
  std::optional<StreamPoint> truncate_stream{};
  /// After so much, nothing comes any more.
  std::optional<StreamPoint> stall_stream{};
  /// So many events from here on are lost to every subscriber: silently, as on a real engine, or
  /// with a gap.
  std::uint64_t lose_events = 0;
  bool tell_gap = false;
  /// The next event (this one, of a rule on events) is told twice.
  bool duplicate_event = false;
};

/// A fault, as a scenario file's `rules` hold them. Of all rules that match, the first one that
/// acts decides; those after it are not asked.
struct Rule {
  RuleCondition when{};
  RuleAction then{};
};

/// What statistics show from now on; what is absent goes on as before.
struct MockStats {
  std::optional<double> cpu_percent{};  ///< of one core
  std::optional<std::uint64_t> memory_bytes{};
  std::optional<std::uint64_t> pids{};
  std::optional<std::uint64_t> network_rx_bytes{};  ///< the counter, which then grows as usual
  std::optional<std::uint64_t> network_tx_bytes{};
};

/// Something that happens to the engine or a container without a call of the runtime, as a
/// scenario file's `script` holds it. Which fields count depends on the kind.
struct EngineAction {
  enum class Kind : int {
    kEngineDown = 1,
    kEngineUp = 2,
    kEngineRestart = 3,  ///< `kill_containers`
    kLoseEvents = 4,     ///< `count`, `tell_gap`
    // By another client of the engine.
    kCreate = 5,   ///< `spec`
    kStart = 6,    ///< `container`, as all that follow
    kStop = 7,     ///< `timeout`
    kSignal = 8,   ///< `signal`
    kRemove = 9,   ///< by force
    kRename = 10,  ///< `text`
    kPause = 11,
    kUnpause = 12,
    // By the process itself or the kernel.
    kCrash = 13,  ///< `exit_code`, or `signal`
    kOom = 14,    ///< of process 1, or with `child_only` of another one
    kPrint = 15,  ///< `text`, to standard output or with `to_stderr` to standard error
    kSetStats = 16,
    // The engine's own trouble with a container.
    kHang = 17,
    kRelease = 18,
    kAddImage = 19,     ///< `text`
    kRemoveImage = 20,  ///< `text`
    // As an engine newer than this library: words that nobody here has heard of.
    kInventState = 21,  ///< `text`, shown as the container's state from now on; empty: its own
    kInventEvent = 22,  ///< `text`, told of the container
  };
  Kind kind = Kind::kEngineDown;
  std::string container{};  ///< name or id
  std::string text{};
  int exit_code = 1;
  std::optional<Signal> signal{};
  std::optional<Duration> timeout{};  ///< absent: the container's own stop timeout, else 10 s
  bool kill_containers = false;
  bool child_only = false;
  bool to_stderr = false;
  std::uint64_t count = 1;
  bool tell_gap = false;
  std::optional<ContainerSpec> spec{};
  MockStats stats{};
};

/// What a test does to the mock engine behind a runtime's back:
///   auto* mock = runtime->extension<control::testing::MockControl>();
/// Null on every other engine. It belongs to the runtime and acts on the engine, which all
/// runtimes with the same `mock:///NAME` share.
///
/// Threads:  any method may run on any thread.
/// Blocking: none, except that advance() and advanceToIdle() run what is due.
/// Errors:   kNotFound: no such container. kWrongState: its state does not allow it (it does not
///           run, is not paused). kInvalidArgument: what no engine could do; where nothing is
///           returned, std::invalid_argument is thrown.
///           None of these calls is held up by rules, setHung or engineDown, nor shows in the
///           journal.
class MockControl {
 public:
  static constexpr std::string_view kExtensionName = "control.testing.MockControl/3";

  virtual ~MockControl() = default;

  // ---- Time ----
  virtual TimePoint now() const = 0;

  /// The engine's clock when it is a fake one, else null.
  virtual FakeClock* fakeClock() noexcept = 0;

  /// Moves the clock forward and does what falls due on the way, on this thread.
  /// kUnsupported: the engine lives by a real clock.
  virtual Result<void> advance(Duration by) = 0;

  /// Moves the clock from one thing that is due to the next until nothing is, or `limit` is
  /// reached (a container that prints for ever is never idle). Returns how far it moved.
  /// kUnsupported: the engine lives by a real clock.
  virtual Result<Duration> advanceToIdle(Duration limit) = 0;

  // ---- Faults ----
  /// Adds a rule after those that are there. kInvalidArgument: it can never act, or contradicts
  /// itself; the message says where.
  virtual Result<void> inject(Rule rule) = 0;

  /// The next `times` calls of `primitive`, 1 or more, fail with `error` and do what its effect
  /// says. Throws std::invalid_argument, which fails a test, where inject() would refuse.
  void failNext(Primitive primitive, Error error, int times = 1) {
    if (times < 1) throw std::invalid_argument("failNext: times is 1 or more");
    const auto injected =
        inject({.when = {.primitive = primitive, .times = static_cast<std::uint64_t>(times)},
                .then = {.error = std::move(error)}});
    if (!injected) throw std::invalid_argument("failNext: " + injected.error().message);
  }

  /// The next `count` events, 1 or more, are lost to every subscriber, silently or with a gap.
  void loseEvents(std::uint64_t count, bool tell_gap = false) {
    demand({.kind = EngineAction::Kind::kLoseEvents, .count = count, .tell_gap = tell_gap});
  }

  /// What was prepared in vain: rules that have not acted, and steps of the scenario's script that
  /// have not come or found nothing to act on, each with its line in the file or its number among
  /// the injected ones, and what it does ("injected rule 1: pull -> unavailable"). A test that
  /// leaves any tests less than it says.
  virtual std::vector<std::string> unusedRules() const = 0;

  /// Leaves all that unusedRules() names now out of it for good. It stays prepared, and happens if
  /// its time comes.
  virtual void forgetUnused() = 0;

  // ---- What happens without a call ----
  virtual Result<void> perform(const EngineAction& action) = 0;
  /// The same at a moment `after` from now. unusedRules() tells when it could not be done.
  virtual Result<void> schedule(Duration after, EngineAction action) = 0;

  // The process inside a container.
  Result<void> crash(const ContainerId& id, int exit_code) {
    return perform(
        {.kind = EngineAction::Kind::kCrash, .container = id.value, .exit_code = exit_code});
  }
  /// Ends it by that signal, whatever it would do on receiving it.
  Result<void> kill(const ContainerId& id, Signal signal) {
    return perform({.kind = EngineAction::Kind::kCrash, .container = id.value, .signal = signal});
  }
  /// The kernel kills process 1 for lack of memory.
  Result<void> oom(const ContainerId& id) {
    return perform({.kind = EngineAction::Kind::kOom, .container = id.value});
  }
  /// Writes to its standard output as the process would.
  Result<void> print(const ContainerId& id, std::string_view bytes) {
    return perform(
        {.kind = EngineAction::Kind::kPrint, .container = id.value, .text = std::string(bytes)});
  }
  Result<void> setStats(const ContainerId& id, MockStats stats) {
    return perform({.kind = EngineAction::Kind::kSetStats, .container = id.value, .stats = stats});
  }

  // Another client of the same engine.
  Result<void> pause(const ContainerId& id) { return on(id, EngineAction::Kind::kPause); }
  Result<void> unpause(const ContainerId& id) { return on(id, EngineAction::Kind::kUnpause); }
  Result<void> startBehind(const ContainerId& id) { return on(id, EngineAction::Kind::kStart); }
  /// Asks it to end, and kills it after its stop timeout.
  Result<void> stopBehind(const ContainerId& id) { return on(id, EngineAction::Kind::kStop); }
  Result<void> removeBehind(const ContainerId& id) { return on(id, EngineAction::Kind::kRemove); }
  /// kAlreadyExists: the name is taken.
  Result<void> renameBehind(const ContainerId& id, const std::string& name) {
    return perform({.kind = EngineAction::Kind::kRename, .container = id.value, .text = name});
  }

  // ---- The engine ----
  /// While hung, calls on this container (not list and stats) block until their deadline or
  /// cancellation, and nobody is told of its exit. Other containers are not affected.
  Result<void> setHung(const ContainerId& id, bool hung) {
    return on(id, hung ? EngineAction::Kind::kHang : EngineAction::Kind::kRelease);
  }
  /// While down, every call fails with kUnavailable. Streams and watches that are open lose their
  /// connection for good. Containers go on.
  void engineDown(bool down) {
    (void)perform({.kind = down ? EngineAction::Kind::kEngineDown : EngineAction::Kind::kEngineUp});
  }
  /// Down and up again at once. With `kill_containers` all that run are killed while it is down, so
  /// that no event tells of it.
  void engineRestart(bool kill_containers) {
    (void)perform({.kind = EngineAction::Kind::kEngineRestart, .kill_containers = kill_containers});
  }
  void addImage(const std::string& reference) {
    demand({.kind = EngineAction::Kind::kAddImage, .text = reference});
  }
  void removeImage(const std::string& reference) {
    demand({.kind = EngineAction::Kind::kRemoveImage, .text = reference});
  }

  // ---- What a test looks at ----
  /// The calls so far, oldest first; the latest 4096 are kept.
  virtual std::vector<JournalEntry> journal() const = 0;
  /// The same as text, a line for each call, with times since the engine was opened or reset: equal
  /// for equal calls on equal scenarios and seeds.
  virtual std::string journalText() const = 0;

  /// Streams and exit watches that somebody holds.
  virtual std::size_t openStreams() const = 0;
  /// Threads of the engine's own: none on a fake clock.
  virtual std::size_t liveThreads() const = 0;

  /// Removes every container and image setting and all faults, ends the open streams as
  /// engineDown does, empties the journal, and begins the scenario again where there is one. The
  /// engine is then as new, except for the time.
  virtual void reset() = 0;

 private:
  /// Throws std::invalid_argument where perform() refuses.
  void demand(const EngineAction& action) {
    if (const auto done = perform(action); !done) throw std::invalid_argument(done.error().message);
  }
  Result<void> on(const ContainerId& id, EngineAction::Kind kind) {
    return perform({.kind = kind, .container = id.value});
  }
};

}  // namespace control::testing

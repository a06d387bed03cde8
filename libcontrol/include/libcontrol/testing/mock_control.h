#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/result.h>
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

/// One call as the engine saw it.
struct JournalEntry {
  TimePoint at{};
  Primitive primitive = Primitive::kInfo;
  std::string
      subject{};  ///< the id, name, or image as the caller gave it; empty where there is none
  std::string detail{};  ///< the signal of kSignal
  bool finished = false;
  std::optional<ErrorCode> error{};  ///< how it failed, once finished

  bool operator==(const JournalEntry&) const = default;
};

/// What a test does to the mock engine behind a runtime's back:
///   auto* mock = runtime->extension<control::testing::MockControl>();
/// Null on every other engine. It belongs to the runtime and acts on the engine, which all
/// runtimes with the same `mock:///NAME` share.
///
/// Threads:  any method may run on any thread.
/// Blocking: none, except that advance() runs what is due.
/// Errors:   kNotFound: no such container. kWrongState: it does not run (or is not paused).
///           None of these calls is held up by setHung or engineDown, nor shows in the journal.
class MockControl {
 public:
  static constexpr std::string_view kExtensionName = "control.testing.MockControl/1";

  virtual ~MockControl() = default;

  virtual TimePoint now() const = 0;

  /// The engine's clock when it is a fake one, else null.
  virtual FakeClock* fakeClock() noexcept = 0;

  /// Moves the clock and does what falls due on the way, on this thread.
  /// kUnsupported: the engine lives by a real clock.
  virtual Result<void> advance(Duration by) = 0;

  // ---- The process inside a container ----
  virtual Result<void> crash(const ContainerId& id, int exit_code) = 0;
  /// Ends it by that signal, whatever it would do on receiving it.
  virtual Result<void> kill(const ContainerId& id, Signal signal) = 0;
  virtual Result<void> oom(const ContainerId& id) = 0;
  virtual Result<void> pause(const ContainerId& id) = 0;
  virtual Result<void> unpause(const ContainerId& id) = 0;
  /// Writes to its standard output as the process would.
  virtual Result<void> print(const ContainerId& id, std::string_view bytes) = 0;

  // ---- The engine ----
  /// While hung, calls on this container (not list and stats) block until their deadline or
  /// cancellation, and nobody is told of its exit. Other containers are not affected.
  virtual Result<void> setHung(const ContainerId& id, bool hung) = 0;
  /// While down, every call fails with kUnavailable. Streams and watches that are open lose their
  /// connection for good. Containers go on.
  virtual void engineDown(bool down) = 0;
  /// The next `times` calls of `primitive` fail with `error` and do nothing (kStats: each entry).
  virtual void failNext(Primitive primitive, Error error, int times = 1) = 0;

  virtual void addImage(const std::string& reference) = 0;
  virtual void removeImage(const std::string& reference) = 0;

  /// The calls so far, oldest first; the latest 4096 are kept.
  virtual std::vector<JournalEntry> journal() const = 0;

  /// Removes every container and image setting and all faults, ends the open streams as
  /// engineDown does, empties the journal. The engine is then as new, except for the time.
  virtual void reset() = 0;
};

}  // namespace control::testing

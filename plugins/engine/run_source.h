#pragma once

#include <memory>
#include <optional>
#include <string>

#include <libcontrol/call.h>
#include <libcontrol/result.h>

#include "engine/run_state.h"

namespace control::engine {

/// An engine that was asked to tell when a container is over.
///
/// Threads:  take() on one at a time; cancel() on any.
/// Blocking: take().
class EngineWait {
 public:
  virtual ~EngineWait() = default;

  /// Returns when what is waited for has happened: the exit code where the engine told it, nullopt
  /// where it has to be asked. kUnavailable: the connection was lost, which is no exit.
  /// kDeadlineExceeded leaves the wait as it is.
  virtual Result<std::optional<int>> take(const CallContext& context) = 0;

  /// Whether the code that take() gives is of the run waited for, also when another began since.
  virtual bool exact() const noexcept = 0;

  /// Readable when take() will not block, or to let it make progress.
  virtual int pollFd() const noexcept = 0;
  virtual void cancel() noexcept = 0;
};

/// What watching and measuring ask of one engine.
///
/// Threads:  any method on any thread.
/// Blocking: until the context's deadline or cancellation.
class RunSource {
 public:
  virtual ~RunSource() = default;

  /// The state of a container's latest run. kNotFound.
  virtual Result<RunState> inspectRun(const std::string& id, const CallContext& context) = 0;

  /// Waits for the end of the run that follows `before`. When it returns, none is missed.
  /// kNotFound.
  virtual Result<std::unique_ptr<EngineWait>> openNextExit(const RunState& before,
                                                           const CallContext& context) = 0;

  /// Waits until no process of the container is left. kNotFound.
  virtual Result<std::unique_ptr<EngineWait>> openNotRunning(const std::string& id,
                                                             const CallContext& context) = 0;

  /// How a run ended that an inspection no longer tells of, where the engine remembers that.
  virtual std::optional<int> pastExitCode(const RunId&, const CallContext&) { return std::nullopt; }

  /// Told when the kernel has said whether it killed in a run that is over.
  virtual void oomSeen(const RunId&, bool) {}

  virtual Clock& clock() const noexcept = 0;
};

}  // namespace control::engine

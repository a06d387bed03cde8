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
  enum class Condition {
    kNextExit,    ///< the end of the run that begins next
    kNotRunning,  ///< that no process of the container is left
  };

  virtual ~RunSource() = default;

  /// The state of a container's latest run. kNotFound.
  virtual Result<RunState> inspectRun(const std::string& id, const CallContext& context) = 0;

  /// When it returns, what happens from then on is not missed. kNotFound.
  virtual Result<std::unique_ptr<EngineWait>> openWait(const std::string& id, Condition condition,
                                                       const CallContext& context) = 0;

  /// How a run ended that is no longer the latest, where the engine remembers that.
  virtual std::optional<int> pastExitCode(const RunId&, const CallContext&) { return std::nullopt; }

  virtual Clock& clock() const noexcept = 0;
};

}  // namespace control::engine

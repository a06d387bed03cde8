#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <libcontrol/supervisor.h>

#include "supervise/desired.h"

namespace control {

/// Something to do with one entry, asked for from outside or by the supervisor itself.
struct Job {
  enum class Type {
    kCreate,
    kStart,
    kStop,  ///< kill too: a stop with a timeout of 0
    kRestart,
    kRemove,
    kUpdate,
    kAutoRestart,  ///< after a crash
    kRestore,      ///< it was wanted running, and was not when it was found
    kObserveExit,  ///< the entry's watch fired
    kReconcile,    ///< look what the engine says
    kEngineLost,
  };

  /// An operation whose end is reported when this job ends.
  struct Asked {
    OperationKind kind;
    std::string operation_id;
    TimePoint accepted_at;
  };

  Type type;
  std::vector<Asked> asked{};  ///< empty for the supervisor's own; more than one when stops joined
  StopOptions stop{};
  std::optional<EntrySpec> spec{};
  std::optional<EntryUpdate> update{};
  Desired desired_before{};                   ///< what was wanted before this was asked for
  std::uint64_t desire_change = 0;            ///< the entry's, by this operation
  std::shared_ptr<std::atomic<bool>> turn{};  ///< of kRestore: true once the next one may come

  // Guarded by the entry's mutex while the job runs.
  bool start_after_create = false;
  std::optional<TimePoint> kill_at{};
  bool kill_requested = false;
  std::size_t rung = 0;     ///< of the ladder, that comes next
  std::string ended_by{};   ///< of a stop: the rung that did
  bool rearranged = false;  ///< a stop joined that changes how this one goes on

  /// Asks the job to end: before it sends its next request, or waiting for an image.
  std::stop_source cancel{};
  /// Abandons a start that the engine does not answer.
  std::stop_source abandon{};

  bool isStart() const {
    return type == Type::kStart || type == Type::kRestart || isAutomaticStart();
  }
  bool isAutomaticStart() const { return type == Type::kAutoRestart || type == Type::kRestore; }
  std::string operationId() const { return asked.empty() ? "" : asked.front().operation_id; }
};

inline Error noSuchEntry(const std::string& name) {
  return {.code = ErrorCode::kNotFound, .message = "no such entry: '" + name + "'"};
}

inline Error cancelledByStop() {
  return {.code = ErrorCode::kCancelled, .message = "a later stop, kill or delete overtook it"};
}

}  // namespace control

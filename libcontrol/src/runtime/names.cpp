#include <libcontrol/streams.h>
#include <libcontrol/supervisor.h>
#include <libcontrol/types.h>

namespace control {

std::string_view toString(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kImageNotFound:
      return "image_not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kWrongState:
      return "wrong_state";
    case ErrorCode::kPortConflict:
      return "port_conflict";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    case ErrorCode::kResourceExhausted:
      return "resource_exhausted";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kDeadlineExceeded:
      return "deadline_exceeded";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kStartFailed:
      return "start_failed";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

std::string_view toString(Effect effect) noexcept {
  switch (effect) {
    case Effect::kNone:
      return "none";
    case Effect::kApplied:
      return "applied";
    case Effect::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view toString(ContainerState state) noexcept {
  switch (state) {
    case ContainerState::kUnknown:
      return "unknown";
    case ContainerState::kCreated:
      return "created";
    case ContainerState::kRunning:
      return "running";
    case ContainerState::kPaused:
      return "paused";
    case ContainerState::kRestarting:
      return "restarting";
    case ContainerState::kStopping:
      return "stopping";
    case ContainerState::kExited:
      return "exited";
    case ContainerState::kRemoving:
      return "removing";
    case ContainerState::kDead:
      return "dead";
  }
  return "unknown";
}

std::string_view toString(Capability capability) noexcept {
  switch (capability) {
    case Capability::kStats:
      return "stats";
    case Capability::kStatsFromKernel:
      return "stats_from_kernel";
    case Capability::kExitFromKernel:
      return "exit_from_kernel";
    case Capability::kOomReport:
      return "oom_report";
    case Capability::kUpdate:
      return "update";
    case Capability::kLogs:
      return "logs";
    case Capability::kAttach:
      return "attach";
    case Capability::kExec:
      return "exec";
    case Capability::kEvents:
      return "events";
    case Capability::kPull:
      return "pull";
    case Capability::kPorts:
      return "ports";
    case Capability::kTty:
      return "tty";
  }
  return "unknown";
}

std::string_view toString(StopOutcome outcome) noexcept {
  switch (outcome) {
    case StopOutcome::kAbsent:
      return "absent";
    case StopOutcome::kAlreadyStopped:
      return "already_stopped";
    case StopOutcome::kStopped:
      return "stopped";
    case StopOutcome::kKilled:
      return "killed";
  }
  return "unknown";
}

std::string_view toString(EventType type) noexcept {
  switch (type) {
    case EventType::kUnknown:
      return "unknown";
    case EventType::kCreated:
      return "created";
    case EventType::kStarted:
      return "started";
    case EventType::kExited:
      return "exited";
    case EventType::kRemoved:
      return "removed";
    case EventType::kOom:
      return "oom";
    case EventType::kPaused:
      return "paused";
    case EventType::kUnpaused:
      return "unpaused";
    case EventType::kRenamed:
      return "renamed";
    case EventType::kUpdated:
      return "updated";
    case EventType::kSignalled:
      return "signalled";
    case EventType::kGap:
      return "gap";
  }
  return "unknown";
}

std::string_view toString(EntryState state) noexcept {
  switch (state) {
    case EntryState::kUnknown:
      return "unknown";
    case EntryState::kCreating:
      return "creating";
    case EntryState::kCreated:
      return "created";
    case EntryState::kPulling:
      return "pulling";
    case EntryState::kStarting:
      return "starting";
    case EntryState::kRunning:
      return "running";
    case EntryState::kStopping:
      return "stopping";
    case EntryState::kStopped:
      return "stopped";
    case EntryState::kRestarting:
      return "restarting";
    case EntryState::kCrashed:
      return "crashed";
    case EntryState::kFailed:
      return "failed";
    case EntryState::kDeleting:
      return "deleting";
    case EntryState::kDeleted:
      return "deleted";
  }
  return "unknown";
}

std::string_view toString(Reason reason) noexcept {
  switch (reason) {
    case Reason::kRequested:
      return "requested";
    case Reason::kStoppedGracefully:
      return "stopped_gracefully";
    case Reason::kKilledAfterTimeout:
      return "killed_after_timeout";
    case Reason::kKilled:
      return "killed";
    case Reason::kCrashed:
      return "crashed";
    case Reason::kOomKilled:
      return "oom_killed";
    case Reason::kExited:
      return "exited";
    case Reason::kStartFailed:
      return "start_failed";
    case Reason::kAdopted:
      return "adopted";
    case Reason::kEngineLost:
      return "engine_lost";
    case Reason::kRemoved:
      return "removed";
    case Reason::kPortConflict:
      return "port_conflict";
    case Reason::kImageMissing:
      return "image_missing";
    case Reason::kRestored:
      return "restored";
  }
  return "unknown";
}

std::string_view toString(OperationKind kind) noexcept {
  switch (kind) {
    case OperationKind::kCreate:
      return "create";
    case OperationKind::kStart:
      return "start";
    case OperationKind::kStop:
      return "stop";
    case OperationKind::kRestart:
      return "restart";
    case OperationKind::kKill:
      return "kill";
    case OperationKind::kRemove:
      return "remove";
    case OperationKind::kUpdate:
      return "update";
    case OperationKind::kPull:
      return "pull";
  }
  return "unknown";
}

}  // namespace control

#include <algorithm>

#include <libcontrol/runtime.h>

namespace control {
namespace {

constexpr Duration kDefaultStopTimeout = std::chrono::seconds(10);
/// What tidying up after a failed run() may take when the caller's own time is over.
constexpr Duration kCleanupTimeout = std::chrono::seconds(10);
/// A pull takes as long as it takes, and so may have no deadline; a look at what is there has.
constexpr Duration kLookTimeout = std::chrono::seconds(30);

/// The exit of a container that inspect shows as not running.
std::optional<ExitStatus> lastExit(const ContainerInfo& info) { return info.exit; }

/// A state that nobody has heard of may be one of a process that lives.
bool isOver(const ContainerInfo& info) {
  return !info.running() && info.state != ContainerState::kRestarting &&
         info.state != ContainerState::kUnknown;
}

StopReport report(StopOutcome outcome, std::optional<ExitStatus> exit = std::nullopt) {
  return {.outcome = outcome, .exit = std::move(exit)};
}

/// One stop of one container: the steps of ContainerRuntime::stop.
class StopSequence {
 public:
  StopSequence(ContainerRuntime& runtime, const ContainerId& id, const StopOptions& options,
               const CallContext& context)
      : runtime_(runtime), id_(id), options_(options), context_(context) {}

  Result<StopReport> run() {
    const auto info = runtime_.inspect(id_, context_);
    if (!info) return absentOr(info.error());
    if (isOver(*info)) return report(StopOutcome::kAlreadyStopped, lastExit(*info));
    // The name may be given away meanwhile; the id may not.
    id_ = info->id;
    auto watch = runtime_.watchExit(id_, context_);
    if (!watch) {
      // Arming may take a request whose answer was lost; the container was sent nothing.
      Error error = watch.error();
      error.effect = Effect::kNone;
      return absentOr(error);
    }
    watch_ = std::move(*watch);
    const Duration grace =
        options_.timeout.value_or(info->spec.stop_timeout.value_or(kDefaultStopTimeout));
    if (grace > Duration::zero()) {
      auto graceful = endGracefully(*info, grace);
      if (!graceful || *graceful) return finish(std::move(graceful));
    }
    return kill();
  }

 private:
  /// An answer when the container ended or vanished; nullopt when it has to be killed.
  Result<std::optional<StopReport>> endGracefully(const ContainerInfo& info, Duration grace) {
    const TimePoint deadline = CallContext::after(runtime_.clock().now(), grace);
    if (options_.send_signal) {
      const Signal signal =
          options_.signal.value_or(info.spec.stop_signal.value_or(Signal::term()));
      const auto sent = runtime_.signal(id_, signal, context_);
      if (!sent) return vanishedOr(sent.error());
      if (*sent == SignalOutcome::kNotRunning) return endedBefore();
      signalled_ = true;
    }
    CallContext waiting = context_;
    waiting.deadline = std::min(context_.deadline, deadline);
    const auto exit = watch_->noticed(waiting);
    if (exit) return std::optional(report(StopOutcome::kStopped, *exit));
    if (exit.error().is(ErrorCode::kDeadlineExceeded) && runtime_.clock().now() >= deadline &&
        deadline <= context_.deadline)
      return std::optional<StopReport>();
    return vanishedOr(exit.error());
  }

  Result<StopReport> kill() {
    const auto sent = runtime_.signal(id_, Signal::kill(), context_);
    if (!sent) return finish(vanishedOr(sent.error()));
    if (*sent == SignalOutcome::kNotRunning) return finish(endedBefore());
    signalled_ = true;
    const CallContext waiting = context_.capped(options_.kill_timeout, runtime_.clock());
    const auto exit = watch_->noticed(waiting);
    if (exit) return finish(std::optional(report(StopOutcome::kKilled, *exit)));
    if (exit.error().is(ErrorCode::kDeadlineExceeded))
      return Error{.code = ErrorCode::kDeadlineExceeded,
                   .effect = Effect::kUnknown,
                   .message =
                       "the process did not end after SIGKILL; it may be stuck in the "
                       "kernel (a device or network file system), look at its state"};
    return finish(vanishedOr(exit.error()));
  }

  /// The exit came before our signal: by itself, within the timeout. It may have come before the
  /// watch was armed too, which then waits for the next run.
  Result<std::optional<StopReport>> endedBefore() {
    const CallContext brief = context_.capped(options_.kill_timeout, runtime_.clock());
    const auto info = runtime_.inspect(id_, brief);
    if (!info) return vanishedOr(info.error());
    if (isOver(*info)) {
      recorded_ = true;
      return std::optional(report(StopOutcome::kStopped, lastExit(*info)));
    }
    const auto exit = watch_->noticed(brief);
    if (exit) return std::optional(report(StopOutcome::kStopped, *exit));
    return vanishedOr(exit.error());
  }

  /// Waits for the engine's word on an exit that was noticed: only then can the caller start or
  /// remove the container.
  Result<StopReport> finish(Result<std::optional<StopReport>> outcome) {
    if (!outcome) return std::move(outcome).error();
    StopReport done = **outcome;
    if (!done.exit || recorded_) return done;
    const auto exit = watch_->exited(context_.capped(options_.kill_timeout, runtime_.clock()));
    if (exit) {
      done.exit = *exit;
    } else if (!exit.error().is(ErrorCode::kNotFound)) {
      Error error = exit.error();
      error.effect = Effect::kApplied;
      return error;
    }
    return done;
  }

  Result<StopReport> absentOr(const Error& error) const {
    if (error.is(ErrorCode::kNotFound)) return report(StopOutcome::kAbsent);
    return error;
  }

  /// Removed while we stopped it: it is over, how it ended is not known. Of any other error the
  /// effect tells whether a signal was sent, by an earlier step too.
  Result<std::optional<StopReport>> vanishedOr(Error error) const {
    if (error.is(ErrorCode::kNotFound)) return std::optional(report(StopOutcome::kStopped));
    if (signalled_ && error.effect == Effect::kNone) error.effect = Effect::kApplied;
    return error;
  }

  ContainerRuntime& runtime_;
  ContainerId id_;
  const StopOptions& options_;
  const CallContext& context_;
  std::unique_ptr<ExitWatch> watch_;
  bool signalled_ = false;
  bool recorded_ = false;  ///< the engine itself told the exit
};

Result<void> drain(PullStream& stream, const std::function<void(const PullProgress&)>& progress,
                   const CallContext& context) {
  for (;;) {
    auto item = stream.next(context);
    if (!item) return item.error();
    if (!*item) return {};
    if (progress) progress(**item);
  }
}

}  // namespace

Result<StopReport> ContainerRuntime::stop(const ContainerId& id, const StopOptions& options,
                                          const CallContext& context) {
  if (options.timeout && *options.timeout < Duration::zero())
    return Error{.code = ErrorCode::kInvalidArgument, .message = "a stop timeout is 0 or more"};
  return StopSequence(*this, id, options, context).run();
}

Result<StopReport> ContainerRuntime::kill(const ContainerId& id, const CallContext& context) {
  return stop(id, {.timeout = Duration::zero()}, context);
}

Result<RestartReport> ContainerRuntime::restart(const ContainerId& id, const StopOptions& options,
                                                const CallContext& context) {
  auto stopped = stop(id, options, context);
  if (!stopped) return stopped.error();
  if (stopped->outcome == StopOutcome::kAbsent)
    return Error{.code = ErrorCode::kNotFound, .message = "no such container: " + id.value};
  const auto started = start(id, context);
  if (!started) {
    Error error = started.error();
    // Whatever the start did, the stop was done.
    if (error.effect == Effect::kNone) error.effect = Effect::kApplied;
    return error;
  }
  return RestartReport{.stop = std::move(*stopped), .start = *started};
}

Result<ExitStatus> ContainerRuntime::wait(const ContainerId& id, const CallContext& context) {
  auto watch = watchExit(id, context);
  if (!watch) return watch.error();
  // Armed first: a run that ends between the two calls is seen by the watch or by inspect.
  const auto info = inspect(id, context);
  if (!info) return info.error();
  if (info->running()) return (*watch)->exited(context);
  if (info->exit) return *info->exit;
  if (!isOver(*info)) return (*watch)->exited(context);
  return Error{.code = ErrorCode::kWrongState,
               .message = "the container never ran: its state is " + info->raw_state};
}

Result<RunningContainer> ContainerRuntime::run(const ContainerSpec& spec,
                                               const CallContext& context) {
  auto created = create(spec, context);
  if (!created) return created.error();
  const auto undo = [&](Error error) -> Error {
    const auto removed =
        remove(created->id, {.force = true}, CallContext::within(kCleanupTimeout, clock()));
    error.effect = removed ? Effect::kNone : Effect::kUnknown;
    return error;
  };
  auto watch = watchExit(created->id, context);
  if (!watch) return undo(watch.error());
  if (const auto started = start(created->id, context); !started) {
    watch->reset();
    return undo(started.error());
  }
  return RunningContainer{.id = std::move(created->id),
                          .warnings = std::move(created->warnings),
                          .exit = std::move(*watch)};
}

Result<ImageReport> ContainerRuntime::ensureImage(
    const std::string& reference, PullPolicy policy, const PullOptions& options,
    const std::function<void(const PullProgress&)>& progress, const CallContext& context) {
  auto present = findImage(reference, context.capped(kLookTimeout, clock()));
  if (!present && !present.error().is(ErrorCode::kImageNotFound)) return present.error();
  if (policy == PullPolicy::kNever || (present && policy == PullPolicy::kIfMissing)) {
    if (!present) return present.error();
    return ImageReport{.image = std::move(*present)};
  }
  auto stream = pull(reference, options, context);
  const Result<void> pulled =
      stream ? drain(**stream, progress, context) : Result<void>(stream.error());
  if (!pulled) {
    const bool given_up =
        pulled.error().is(ErrorCode::kCancelled) || pulled.error().is(ErrorCode::kDeadlineExceeded);
    if (!present || given_up) return pulled.error();
    return ImageReport{.image = std::move(*present), .pull_error = pulled.error()};
  }
  auto found = findImage(reference, context.capped(kLookTimeout, clock()));
  if (!found) return found.error();
  return ImageReport{.image = std::move(*found), .pulled = true};
}

}  // namespace control

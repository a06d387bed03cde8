#include "supervise/core.h"

namespace control {
namespace {

/// Where a container stands that does not run.
EntryState restingState(const ContainerInfo& info) {
  if (isGoing(info)) return EntryState::kFailed;
  return info.state == ContainerState::kCreated ? EntryState::kCreated : EntryState::kStopped;
}

}  // namespace

EntryState Supervisor::Core::fail(const EntryPtr& entry, const Job& job, OperationKind kind,
                                  Reason reason, const Error& error,
                                  std::optional<EntryState> resting) {
  EntryState state = EntryState::kUnknown;
  bool unwatched = false;
  if (entry->container) {
    const auto info =
        runtime_->inspect(*entry->container, callContext().capped(kLookTimeout, clock()));
    if (info && info->running()) {
      // A start whose answer was lost: what runs is ours to watch.
      state = EntryState::kRunning;
      adopt(*entry, *info);
      unwatched = !entry->watch;
      // A stop that did nothing is off; one that may have sent its signal may still work.
      const std::lock_guard lock(entry->mutex);
      const bool stops = kind == OperationKind::kStop || kind == OperationKind::kRemove;
      const bool was_sent = entry->sent_signal && entry->sent_signal->run == *entry->run;
      if (stops && error.effect == Effect::kNone && !was_sent &&
          entry->desire_changes == job.desire_change)
        want(*entry, {.wanted = Wanted::kRunning});
    } else if (info)
      state = resting.value_or(restingState(*info));
    else if (info.error().is(ErrorCode::kNotFound))
      state = EntryState::kFailed;
  } else {
    state = EntryState::kFailed;
  }
  setState(*entry, state, reason, &job, {.failed = kind, .error = error});
  if (unwatched) look(entry);
  if (state == EntryState::kFailed && entry->isTakenAway()) lookLater(entry);
  // The engine may be well and this one container hang.
  if (state == EntryState::kUnknown) lookLater(entry);
  return state;
}

// ---- create ----

/// Keeps beyond this process that a container which is about to be made is to be started, or drops
/// what was kept of one before; unless an operation accepted meanwhile wants something else.
void Supervisor::Core::keepCreation(Entry& entry, bool start) {
  {
    const std::lock_guard lock(entry.mutex);
    if (entry.is_desire_known) return;
    if (start)
      desired_.set(entry.name, {.wanted = Wanted::kMade});
    else
      desired_.erase(entry.name);
  }
  awaitKept();
}

Result<void> Supervisor::Core::doCreate(const EntryPtr& entry, Job& job) {
  setState(*entry, EntryState::kCreating, Reason::kRequested, &job);
  next_specs_.erase(entry->name);  // of one that stood for nothing
  keepCreation(*entry, job.spec->start);
  const auto created = createContainer(*entry, job);
  if (!created) {
    // At the end of this process the engine may have made it all the same.
    if (!stopping_.stop_requested()) keepCreation(*entry, false);
    const bool overtaken = created.error().is(ErrorCode::kCancelled) && job.cancel.stop_requested();
    const Error why = overtaken ? cancelledByStop() : created.error();
    const bool missing = why.is(ErrorCode::kImageNotFound);
    setState(*entry, EntryState::kFailed, missing ? Reason::kImageMissing : Reason::kRequested,
             &job, {.failed = OperationKind::kCreate, .error = why});
    return why;
  }
  bool start = false;
  {
    const std::lock_guard lock(entry->mutex);
    entry->container = created->id;
    entry->restart = job.spec->restart;
    entry->ladder = job.spec->stop_ladder;
    entry->own_stop_timeout = job.spec->container.stop_timeout.value_or(entry->own_stop_timeout);
    start = job.start_after_create;
    // From here on a stop overtakes it as any start.
    if (start) job.type = Job::Type::kStart;
    // Unless one that was accepted meanwhile wants something else.
    if (start || !entry->is_desire_known) wantAs(*entry, job);
  }
  awaitKept();
  setState(*entry, EntryState::kCreated, Reason::kRequested, &job);
  return start ? doStart(entry, job) : Result<void>();
}

Result<CreatedContainer> Supervisor::Core::createContainer(Entry& entry, Job& job) {
  ContainerSpec spec = job.spec->container;
  spec.name = options_.name_prefix + entry.name;
  spec.labels[options_.managed_label.first] = options_.managed_label.second;
  spec.labels[options_.entry_label] = entry.name;
  if (!options_.owner_label.first.empty())
    spec.labels[options_.owner_label.first] = options_.owner_label.second;
  spec.labels[options_.restart_label] = job.spec->restart.toText();
  if (!job.spec->stop_ladder.rungs.empty())
    spec.labels[options_.stop_ladder_label] = job.spec->stop_ladder.toText();
  {
    const std::lock_guard lock(entry.mutex);
    entry.image = spec.image;
  }
  // A pull takes as long as it takes; what is bounded is its silence.
  const CallContext pulling{.cancellation = job.cancel.get_token()};
  // Told before the engine shows any progress: a registry that cannot be reached never does.
  if (job.spec->pull != PullPolicy::kNever) {
    const auto present =
        runtime_->findImage(spec.image, pulling.capped(options_.engine_timeout, clock()));
    const bool missing = !present && present.error().is(ErrorCode::kImageNotFound);
    if (!present && !missing) return present.error();
    if (missing || job.spec->pull == PullPolicy::kAlways)
      setState(entry, EntryState::kPulling, Reason::kRequested, &job);
  }
  const auto image = pulls_.ensure(
      spec.image, job.spec->pull, job.spec->pull_options,
      [&](const PullProgress& progress) {
        setState(entry, EntryState::kPulling, Reason::kRequested, &job);
        observer_.onPullProgress(entry.name, job.operationId(), spec.image, progress);
      },
      pulling);
  if (!image) return image.error();
  setState(entry, EntryState::kCreating, Reason::kRequested, &job);
  if (job.cancel.stop_requested()) return cancelledByStop();
  // Not cut off by what overtakes it: the engine could make it when its removal is over.
  auto created = runtime_->create(spec, callContext());
  if (created || created.error().effect != Effect::kUnknown) return created;
  if (auto made = madeAllTheSame(entry)) return *std::move(made);
  return created;
}

std::optional<CreatedContainer> Supervisor::Core::madeAllTheSame(const Entry& entry) {
  const auto found = findOwn(entry);
  if (!found || !*found) return std::nullopt;
  return CreatedContainer{.id = **found};
}

/// The container that bears the entry's name and is ours; nullopt: there is none.
Result<std::optional<ContainerId>> Supervisor::Core::findOwn(const Entry& entry) {
  const auto found = runtime_->inspect({options_.name_prefix + entry.name}, callContext());
  if (!found && found.error().is(ErrorCode::kNotFound)) return std::optional<ContainerId>();
  if (!found) return found.error();
  return isOurs(*found) ? std::optional(found->id) : std::nullopt;
}

// ---- start ----

Result<void> Supervisor::Core::doStart(const EntryPtr& entry, Job& job) {
  {
    const std::lock_guard lock(entry->mutex);
    entry->restarts = 0;
    if (entry->state == EntryState::kRunning) return {};
  }
  awaitKept();
  setState(*entry, EntryState::kStarting, Reason::kRequested, &job);
  auto started = startContainer(entry, job);
  if (!started) startFailed(entry, job, started.error());
  return started;
}

Result<void> Supervisor::Core::startContainer(const EntryPtr& entry, Job& job) {
  if (job.cancel.stop_requested()) return cancelledByStop();
  const CallContext context = callContext(job.abandon.get_token());
  // Its creation failed, or it was removed, after this start was accepted.
  if (!entry->container && !entry->next)
    return Error{.code = ErrorCode::kNotFound,
                 .message = "'" + entry->name + "' has no container: delete it or create it again"};
  if (auto applied = applyNext(*entry, context); !applied) return applied;
  if (job.cancel.stop_requested()) return cancelledByStop();
  const ContainerId id = *entry->container;
  disarmWatch(*entry);
  auto watch = runtime_->watchExit(id, context);
  if (!watch) return watch.error();
  const auto started = runtime_->start(id, context);
  if (!started) return started.error();
  const auto info = runtime_->inspect(id, context);
  if (!info) {
    Error error = info.error();
    error.effect = Effect::kApplied;  // it was started
    return error;
  }
  {
    const std::lock_guard lock(entry->mutex);
    entry->run = RunId{.container = id, .started_at = info->started_at.value_or(WallTime{})};
    entry->pid = info->pid;
    entry->run_began = clock().now();
    entry->own_stop_signal = info->spec.stop_signal.value_or(Signal::term());
    entry->sent_signal.reset();
    entry->failed_starts = 0;
    entry->forgetStats();
    restarted(*entry);
  }
  armWatch(entry, std::move(*watch));
  const bool restored = job.type == Job::Type::kRestore;
  setState(*entry, EntryState::kRunning, restored ? Reason::kRestored : Reason::kRequested, &job);
  rearmForRun(entry);
  primeStats(entry);
  return {};
}

Result<void> Supervisor::Core::doRestart(const EntryPtr& entry, Job& job) {
  awaitKept();
  setState(*entry, EntryState::kRestarting, Reason::kRequested, &job);
  const auto report = stopContainer(*entry, job);
  if (!report) {
    if (!report.error().is(ErrorCode::kCancelled))
      fail(entry, job, OperationKind::kRestart, Reason::kRequested, report.error());
    return report.error();
  }
  recordStop(entry, job, *report, EntryState::kRestarting);
  {
    const std::lock_guard lock(entry->mutex);
    entry->restarts = 0;
  }
  auto started = startContainer(entry, job);
  if (!started) startFailed(entry, job, started.error());
  return started;
}

// ---- remove ----

Result<void> Supervisor::Core::doRemove(const EntryPtr& entry, Job& job) {
  awaitKept();
  setState(*entry, EntryState::kDeleting, Reason::kRequested, &job);
  const auto failed = [&](const Error& error) -> Error {
    fail(entry, job, OperationKind::kRemove, Reason::kRequested, error);
    return error;
  };
  if (!entry->container) {
    // The engine may have made one whose creation it never answered.
    const auto own = findOwn(*entry);
    if (!own) return failed(own.error());
    const std::lock_guard lock(entry->mutex);
    entry->container = *own;
  }
  if (entry->container) {
    const auto report = stopContainer(*entry, job);
    if (!report) return failed(report.error());
    recordStop(entry, job, *report, EntryState::kDeleting);
    // Before the container is gone: the next process must not make it again.
    if (entry->next) next_specs_.erase(entry->name);
    const auto removed = runtime_->remove(*entry->container, {.force = true}, callContext());
    if (!removed && entry->next) (void)next_specs_.set(entry->name, *entry->next);
    if (!removed) return failed(removed.error());
  }
  letGo(*entry);
  setState(*entry, EntryState::kDeleted, Reason::kRemoved, &job);
  forget(entry);
  return {};
}

}  // namespace control

#include "supervise/core.h"

namespace control {
namespace {

Error cancelledByStop() {
  return {.code = ErrorCode::kCancelled, .message = "a later stop, kill or delete overtook it"};
}

bool is(const Error& error, ErrorCode code) { return error.code == code; }

/// Where a stopped container stands.
EntryState restingState(const ContainerInfo& info) {
  return info.state == ContainerState::kCreated ? EntryState::kCreated : EntryState::kStopped;
}

/// After a stop that failed so. Sent twice is better than never: without it nothing is saved.
bool mayBeWithoutSignal(const Error& error) {
  if (error.effect == Effect::kApplied) return false;
  // Not even SIGKILL ended it.
  return error.effect == Effect::kNone || !is(error, ErrorCode::kDeadlineExceeded);
}

void merge(ResourceLimits& limits, const ResourceLimits& change) {
  if (change.memory_bytes) limits.memory_bytes = change.memory_bytes;
  if (change.memory_swap_bytes) limits.memory_swap_bytes = change.memory_swap_bytes;
  if (change.nano_cpus) limits.nano_cpus = change.nano_cpus;
  if (change.pids) limits.pids = change.pids;
  if (change.io_weight) limits.io_weight = change.io_weight;
}

/// `spec` with what was asked of it, in the order in which it was.
Result<ContainerSpec> specAfter(const std::vector<EntryUpdate>& updates, ContainerSpec spec) {
  for (const EntryUpdate& update : updates) {
    if (update.respec) {
      auto changed = update.respec(std::move(spec));
      if (!changed) return changed.error();
      spec = std::move(*changed);
    }
    merge(spec.limits, update.limits);
  }
  return spec;
}

}  // namespace

/// Tells that an operation failed, with the state that the engine shows now.
void Supervisor::Core::fail(const EntryPtr& entry, const Job& job, OperationKind kind,
                            Reason reason, const Error& error) {
  EntryState state = EntryState::kUnknown;
  bool unwatched = false;
  if (entry->container) {
    const auto info = runtime_->inspect(*entry->container, callContext());
    if (info && info->running()) {
      // A start whose answer was lost: what runs is ours to watch.
      state = EntryState::kRunning;
      adopt(*entry, *info);
      unwatched = !entry->watch;
    } else if (info)
      state = restingState(*info);
    else if (is(info.error(), ErrorCode::kNotFound))
      state = EntryState::kFailed;
  } else {
    state = EntryState::kFailed;
  }
  setState(*entry, state, reason, &job, {.failed = kind, .error = error});
  if (unwatched) look(entry);
}

// ---- create ----

Result<void> Supervisor::Core::doCreate(const EntryPtr& entry, Job& job) {
  setState(*entry, EntryState::kCreating, Reason::kRequested, &job);
  const auto created = createContainer(*entry, job);
  if (!created) {
    setState(*entry, EntryState::kFailed, Reason::kRequested, &job,
             {.failed = OperationKind::kCreate, .error = created.error()});
    return created.error();
  }
  bool start = false;
  {
    const std::lock_guard lock(entry->mutex);
    entry->container = created->id;
    entry->restart = job.spec->restart;
    entry->own_stop_timeout = job.spec->container.stop_timeout.value_or(entry->own_stop_timeout);
    start = job.start_after_create;
    // From here on a stop overtakes it as any start.
    if (start) job.type = Job::Type::kStart;
  }
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
  {
    const std::lock_guard lock(entry.mutex);
    entry.image = spec.image;
  }
  // A pull takes as long as it takes; what is bounded is its silence.
  const CallContext pulling{.cancellation = job.cancel.get_token()};
  // Told before the engine shows any progress: a registry that cannot be reached never does.
  if (job.spec->pull != PullPolicy::kNever) {
    const auto present = runtime_->findImage(spec.image, pulling);
    const bool missing = !present && is(present.error(), ErrorCode::kImageNotFound);
    if (missing || job.spec->pull == PullPolicy::kAlways)
      setState(entry, EntryState::kPulling, Reason::kRequested, &job);
  }
  const auto image = runtime_->ensureImage(
      spec.image, job.spec->pull, job.spec->pull_options,
      [&](const PullProgress& progress) {
        setState(entry, EntryState::kPulling, Reason::kRequested, &job);
        observer_.onPullProgress(entry.name, job.operationId(), spec.image, progress);
      },
      pulling);
  if (!image) return image.error();
  setState(entry, EntryState::kCreating, Reason::kRequested, &job);
  auto created = runtime_->create(spec, callContext(job.cancel.get_token()));
  if (created || created.error().effect != Effect::kUnknown) return created;
  // The answer was lost, not necessarily the container: it is ours if it carries our label.
  const auto found = runtime_->inspect({spec.name}, callContext());
  if (!found) return created;
  const auto label = found->spec.labels.find(options_.entry_label);
  if (label == found->spec.labels.end() || label->second != entry.name) return created;
  return CreatedContainer{.id = found->id};
}

// ---- start ----

Result<void> Supervisor::Core::doStart(const EntryPtr& entry, Job& job) {
  {
    const std::lock_guard lock(entry->mutex);
    entry->restarts = 0;
    entry->retries_in_row = 0;
    if (entry->state == EntryState::kRunning) return {};
  }
  setState(*entry, EntryState::kStarting, Reason::kRequested, &job);
  return startContainer(entry, job);
}

Result<void> Supervisor::Core::doAutoRestart(const EntryPtr& entry, Job& job) {
  {
    const std::lock_guard lock(entry->mutex);
    // The engine is lost: once it is found the restart is planned again.
    if (entry->state == EntryState::kUnknown) return {};
    entry->restart_planned = false;
    if (entry->state != EntryState::kCrashed) return {};
    ++entry->restarts;
  }
  setState(*entry, EntryState::kStarting, entry->reason, &job);
  auto started = startContainer(entry, job);
  if (!started && !is(started.error(), ErrorCode::kCancelled) &&
      !is(started.error(), ErrorCode::kNotFound))
    restartFailed(entry, job);
  return started;
}

/// An engine that is being restarted refuses starts, too.
void Supervisor::Core::restartFailed(const EntryPtr& entry, const Job& job) {
  bool again = false;
  {
    const std::lock_guard lock(entry->mutex);
    if (entry->state == EntryState::kRunning || job.cancel.stop_requested()) return;
    entry->restart_planned = entry->state == EntryState::kUnknown;
    if (entry->restart_planned) return;
    again = entry->retries_in_row < entry->restart.max_retries;
  }
  setState(*entry, again ? EntryState::kCrashed : EntryState::kFailed, Reason::kStartFailed,
           nullptr);
  if (again) planRestart(entry);
}

Result<void> Supervisor::Core::startContainer(const EntryPtr& entry, Job& job) {
  if (job.cancel.stop_requested()) return cancelledByStop();
  const CallContext context = callContext(job.abandon.get_token());
  const auto failed = [&](const Error& error) -> Error {
    if (!is(error, ErrorCode::kCancelled))
      fail(entry, job, OperationKind::kStart, Reason::kStartFailed, error);
    return error;
  };
  // Its creation failed, or it was removed, after this start was accepted.
  if (!entry->container)
    return failed(
        {.code = ErrorCode::kNotFound,
         .message = "'" + entry->name + "' has no container: delete it or create it again"});
  if (auto applied = applyPendingUpdates(*entry, context); !applied) return failed(applied.error());
  const ContainerId id = *entry->container;
  disarmWatch(*entry);
  auto watch = runtime_->watchExit(id, context);
  if (!watch) return failed(watch.error());
  const auto started = runtime_->start(id, context);
  if (!started) return failed(started.error());
  const auto info = runtime_->inspect(id, context);
  if (!info) return failed(info.error());
  {
    const std::lock_guard lock(entry->mutex);
    entry->run = RunId{.container = id, .started_at = info->started_at.value_or(WallTime{})};
    entry->pid = info->pid;
    entry->own_stop_signal = info->spec.stop_signal.value_or(Signal::term());
    entry->sent_signal.reset();
    entry->forgetStats();
  }
  armWatch(entry, std::move(*watch));
  setState(*entry, EntryState::kRunning, Reason::kRequested, &job);
  rearmForRun(entry);
  primeStats(*entry);
  return {};
}

// ---- stop ----

Result<void> Supervisor::Core::doStop(const EntryPtr& entry, Job& job) {
  setState(*entry, EntryState::kStopping, Reason::kRequested, &job);
  const auto report = stopContainer(*entry, job);
  if (!report) {
    fail(entry, job, OperationKind::kStop, Reason::kRequested, report.error());
    return report.error();
  }
  recordStop(entry, job, *report, EntryState::kStopped);
  return {};
}

/// What is left to do of a stop: it may have been joined, or an earlier one may have sent the
/// signal.
Result<StopOptions> Supervisor::Core::nextStopAttempt(Entry& entry, Job& job) {
  const std::lock_guard lock(entry.mutex);
  if (stopping_.stop_requested())
    return Error{.code = ErrorCode::kCancelled, .message = "the supervisor is shutting down"};
  if (job.cancel.stop_requested() && !job.rearranged) return cancelledByStop();
  const TimePoint now = clock().now();
  if (!job.kill_at)
    job.kill_at = CallContext::after(now, job.stop.timeout.value_or(entry.own_stop_timeout));
  if (!job.stop.signal) job.stop.signal = entry.own_stop_signal;
  if (entry.sent_signal && entry.run && entry.sent_signal->run == *entry.run) {
    job.kill_at = std::min(*job.kill_at, entry.sent_signal->kill_at);
    if (job.stop.signal == entry.sent_signal->signal) job.stop.send_signal = false;
  }
  if (entry.run)
    entry.sent_signal =
        SentSignal{.run = *entry.run, .signal = job.stop.signal, .kill_at = *job.kill_at};
  StopOptions next = job.stop;
  // A timeout of 0 kills without the signal; so does one that has run out.
  next.timeout = job.stop.timeout == Duration::zero()
                     ? Duration::zero()
                     : std::max(*job.kill_at - now, Duration::zero());
  job.rearranged = false;
  job.cancel = std::stop_source();
  return next;
}

Result<StopReport> Supervisor::Core::stopContainer(Entry& entry, Job& job) {
  if (!entry.container) return StopReport{.outcome = StopOutcome::kAbsent};
  for (;;) {
    std::optional<SentSignal> before;
    {
      const std::lock_guard lock(entry.mutex);
      before = entry.sent_signal;
    }
    const auto options = nextStopAttempt(entry, job);
    if (!options) return options.error();
    // A stop takes as long as it was given; what is bounded is an engine that does not answer.
    CallContext context = callContext(job.cancel.get_token());
    context.deadline =
        CallContext::after(context.deadline, *options->timeout + 2 * options->kill_timeout);
    auto report = runtime_->stop(*entry.container, *options, context);
    if (report) return report;
    const std::lock_guard lock(entry.mutex);
    // Whoever stops it next, after a failure or because it overtook this one, must not leave the
    // process without the signal and kill it.
    if (options->send_signal && mayBeWithoutSignal(report.error())) entry.sent_signal = before;
    if (!is(report.error(), ErrorCode::kCancelled) || !job.rearranged) return report;
  }
}

void Supervisor::Core::recordStop(const EntryPtr& entry, const Job& job, const StopReport& report,
                                  EntryState state) {
  disarmWatch(*entry);
  Reason reason = Reason::kRequested;
  {
    const std::lock_guard lock(entry->mutex);
    if (report.outcome == StopOutcome::kStopped)
      reason = Reason::kStoppedGracefully;
    else if (report.outcome == StopOutcome::kKilled)
      reason = job.kill_requested || job.stop.timeout == Duration::zero()
                   ? Reason::kKilled
                   : Reason::kKilledAfterTimeout;
    if (report.exit) entry->exit = report.exit;
    entry->run.reset();
    entry->pid.reset();
    entry->forgetStats();
  }
  if (report.outcome == StopOutcome::kAbsent && state == EntryState::kStopped) {
    containerGone(entry);
    return;
  }
  Transition transition;
  if (report.outcome != StopOutcome::kAlreadyStopped) transition.exit = report.exit;
  setState(*entry, state, reason, &job, std::move(transition));
}

Result<void> Supervisor::Core::doRestart(const EntryPtr& entry, Job& job) {
  setState(*entry, EntryState::kRestarting, Reason::kRequested, &job);
  const auto report = stopContainer(*entry, job);
  if (!report) {
    if (!is(report.error(), ErrorCode::kCancelled))
      fail(entry, job, OperationKind::kRestart, Reason::kRequested, report.error());
    return report.error();
  }
  recordStop(entry, job, *report, EntryState::kRestarting);
  {
    const std::lock_guard lock(entry->mutex);
    entry->restarts = 0;
    entry->retries_in_row = 0;
  }
  return startContainer(entry, job);
}

// ---- remove, update ----

Result<void> Supervisor::Core::doRemove(const EntryPtr& entry, Job& job) {
  setState(*entry, EntryState::kDeleting, Reason::kRequested, &job);
  const auto failed = [&](const Error& error) -> Error {
    fail(entry, job, OperationKind::kRemove, Reason::kRequested, error);
    return error;
  };
  if (entry->container) {
    const auto report = stopContainer(*entry, job);
    if (!report) return failed(report.error());
    recordStop(entry, job, *report, EntryState::kDeleting);
    const auto removed = runtime_->remove(*entry->container, {.force = true}, callContext());
    if (!removed) return failed(removed.error());
  }
  setState(*entry, EntryState::kDeleted, Reason::kRemoved, &job);
  forget(entry);
  return {};
}

Result<void> Supervisor::Core::doUpdate(const EntryPtr& entry, Job& job) {
  const auto failed = [&](const Error& error) -> Error {
    fail(entry, job, OperationKind::kUpdate, Reason::kRequested, error);
    return error;
  };
  const CallContext context = callContext();
  const EntryUpdate& update = *job.update;
  if (!entry->container)
    return Error{.code = ErrorCode::kNotFound, .message = "its container is gone"};
  const auto info = runtime_->inspect(*entry->container, context);
  if (!info) return failed(info.error());
  std::vector<EntryUpdate> updates;
  {
    const std::lock_guard lock(entry->mutex);
    updates = entry->pending_updates;
  }
  updates.push_back(update);
  // Kept, one that does not fit would fail every later start.
  if (const auto fits = specAfter(updates, info->spec); !fits) return failed(fits.error());
  // Behind one that waits it has to wait as well, or that one would undo it.
  bool waits = update.respec != nullptr || updates.size() > 1;
  if (update.limits != ResourceLimits{}) {
    auto applied = runtime_->update(*entry->container, update.limits, context);
    // An engine that cannot change it now can create it so at the next start.
    if (!applied && !is(applied.error(), ErrorCode::kUnsupported)) return failed(applied.error());
    waits |= !applied;
  }
  if (!waits) return {};
  {
    const std::lock_guard lock(entry->mutex);
    entry->pending_updates = std::move(updates);
  }
  if (info->running()) return {};
  if (auto applied = applyPendingUpdates(*entry, context); !applied) return failed(applied.error());
  return {};
}

Result<void> Supervisor::Core::applyPendingUpdates(Entry& entry, const CallContext& context) {
  std::vector<EntryUpdate> updates;
  {
    const std::lock_guard lock(entry.mutex);
    updates = entry.pending_updates;
  }
  if (updates.empty()) return {};
  const auto info = runtime_->inspect(*entry.container, context);
  if (!info) return info.error();
  if (info->running()) return {};
  const auto wanted = specAfter(updates, info->spec);
  if (!wanted) return wanted.error();
  if (auto done = recreate(entry, *info, *wanted, context); !done) return done;
  const std::lock_guard lock(entry.mutex);
  entry.pending_updates.clear();
  return {};
}

/// The name is free only once the old container is gone, so the old specification is kept at hand
/// until the new one stands.
Result<void> Supervisor::Core::recreate(Entry& entry, const ContainerInfo& info,
                                        const ContainerSpec& wanted, const CallContext& context) {
  if (const auto image = runtime_->findImage(wanted.image, context); !image) return image.error();
  disarmWatch(entry);
  const auto removed = runtime_->remove(info.id, {}, context);
  if (!removed) return removed.error();
  auto created = runtime_->create(wanted, context);
  std::optional<Error> refused;
  if (!created) {
    refused = created.error();
    created = runtime_->create(info.spec, context);
  }
  const std::lock_guard lock(entry.mutex);
  if (created)
    entry.container = created->id;
  else
    entry.container.reset();
  entry.image = wanted.image;
  entry.own_stop_timeout = wanted.stop_timeout.value_or(entry.own_stop_timeout);
  if (!refused) return {};
  entry.pending_updates.clear();
  return *refused;
}

}  // namespace control

#include "supervise/core.h"

namespace control {
namespace {

/// The limit of memory and swap that follows a change of memory alone: what there is of swap stays,
/// and there is none where memory had no limit.
std::optional<std::int64_t> followingSwap(const ResourceLimits& limits, std::int64_t memory) {
  if (!limits.memory_bytes) return memory;
  if (limits.memory_swap_bytes.value_or(-1) == -1) return limits.memory_swap_bytes;
  const std::int64_t swap = *limits.memory_swap_bytes - *limits.memory_bytes;
  return swap > INT64_MAX - memory ? INT64_MAX : memory + swap;
}

void merge(ResourceLimits& limits, const ResourceLimits& change) {
  if (change.memory_bytes) limits.memory_swap_bytes = followingSwap(limits, *change.memory_bytes);
  if (change.memory_bytes) limits.memory_bytes = change.memory_bytes;
  if (change.memory_swap_bytes) limits.memory_swap_bytes = change.memory_swap_bytes;
  if (change.nano_cpus) limits.nano_cpus = change.nano_cpus;
  if (change.pids) limits.pids = change.pids;
  if (change.io_weight) limits.io_weight = change.io_weight;
}

/// How long a container may stay for what is still to be read of its output.
constexpr Duration kLastWords = std::chrono::seconds(2);

/// Says nothing about the specification: made later, it may be accepted.
bool mayWorkLater(const Error& error) {
  return error.effect == Effect::kUnknown || error.is(ErrorCode::kUnavailable) ||
         error.is(ErrorCode::kDeadlineExceeded) || error.is(ErrorCode::kResourceExhausted) ||
         error.is(ErrorCode::kCancelled);
}

}  // namespace

Result<void> Supervisor::Core::doUpdate(const EntryPtr& entry, Job& job) {
  const auto failed = [&](const Error& error) -> Error {
    std::optional<EntryState> resting;
    std::optional<Reason> reason;
    {
      // A crash stays one, and what is planned after it.
      const std::lock_guard lock(entry->mutex);
      if (entry->state == EntryState::kCrashed || entry->desired.wanted == Wanted::kFailed) {
        resting = entry->state;
        reason = entry->reason;
      }
    }
    fail(entry, job, OperationKind::kUpdate, reason.value_or(Reason::kRequested), error, resting);
    return error;
  };
  const CallContext context = callContext();
  const EntryUpdate& update = *job.update;
  if (!entry->container && !entry->next)
    return Error{.code = ErrorCode::kNotFound, .message = "its container is gone"};
  std::optional<ContainerInfo> info;
  if (entry->container) {
    auto seen = runtime_->inspect(*entry->container, context);
    if (!seen) return failed(seen.error());
    info = *std::move(seen);
    dropNextIfMade(*entry, info->id);
  }
  auto next = nextAfter(*entry, update, info);
  if (!next) return failed(next.error());
  // Behind one that waits it has to wait as well, or that one would undo it.
  bool waits = update.respec || entry->next;
  if (info && update.limits != ResourceLimits{}) {
    ResourceLimits limits = update.limits;
    // An engine keeps what there is of swap, which is all of it where memory has no limit yet.
    if (limits.memory_bytes && !info->spec.limits.memory_bytes)
      limits.memory_swap_bytes = next->spec.limits.memory_swap_bytes;
    auto applied = runtime_->update(info->id, limits, context);
    // An engine that cannot change it now, or only while it runs, can create it so.
    const bool later = !applied && (applied.error().is(ErrorCode::kUnsupported) ||
                                    applied.error().is(ErrorCode::kWrongState));
    if (!applied && !later) return failed(applied.error());
    waits |= !applied;
  }
  if (!waits) return {};
  if (auto kept = keepNext(*entry, *std::move(next)); !kept) return failed(kept.error());
  if (info && info->running()) return {};
  const auto applied = applyNext(*entry, context);
  if (!applied) (void)failed(applied.error());
  if (info || !entry->container) return applied;
  std::unique_lock lock(entry->mutex);
  const bool wanted = entry->desired.wanted == Wanted::kRunning;
  lock.unlock();
  if (wanted)
    settleMade(entry);
  else if (applied)
    setState(*entry, EntryState::kCreated, Reason::kRequested, &job);
  return applied;
}

// ---- what the container is made anew from ----

/// `info`: of its container, where it has one.
Result<NextSpec> Supervisor::Core::nextAfter(const Entry& entry, const EntryUpdate& update,
                                             const std::optional<ContainerInfo>& info) {
  NextSpec next = entry.next
                      ? *entry.next
                      : NextSpec{.spec = info->spec, .replaces = info->id, .keeps_ports = true};
  if (update.respec) {
    const std::vector<PortMapping> ports = next.spec.ports;
    auto changed = update.respec(std::move(next.spec));
    if (!changed) return changed.error();
    next.spec = *std::move(changed);
    next.keeps_ports = next.keeps_ports && next.spec.ports == ports;
  }
  merge(next.spec.limits, update.limits);
  return next;
}

Result<void> Supervisor::Core::keepNext(Entry& entry, NextSpec next) {
  if (auto kept = next_specs_.set(entry.name, next); !kept) return kept;
  const std::lock_guard lock(entry.mutex);
  entry.next = std::move(next);
  return {};
}

void Supervisor::Core::dropNext(Entry& entry) {
  {
    const std::lock_guard lock(entry.mutex);
    entry.next.reset();
  }
  next_specs_.erase(entry.name);
}

void Supervisor::Core::dropNextIfMade(Entry& entry, const ContainerId& container) {
  if (entry.next && entry.next->replaces != container) dropNext(entry);
}

/// Where something is to be made anew and nothing runs.
Result<void> Supervisor::Core::applyNext(Entry& entry, const CallContext& context) {
  if (!entry.next) return {};
  if (!entry.container) return makeNext(entry);
  const auto info = runtime_->inspect(*entry.container, context);
  if (!info && info.error().is(ErrorCode::kNotFound) && entry.isTakenAway()) return makeNext(entry);
  if (!info) return info.error();
  dropNextIfMade(entry, info->id);
  if (!entry.next || info->running()) return {};
  return takeAway(entry, *info, context);
}

/// The name is free only once the old container is gone, so all that is needed to make one again is
/// on disk before.
Result<void> Supervisor::Core::takeAway(Entry& entry, const ContainerInfo& info,
                                        const CallContext& context) {
  NextSpec next = *entry.next;
  if (const auto image = runtime_->findImage(next.spec.image, context); !image)
    return image.error();
  if (next.keeps_ports) next.spec.ports = info.spec.ports;
  next.previous = info.spec;
  // What is there already tells the next process what to make, should this one be killed.
  if (auto kept = keepNext(entry, next); !kept) {
    observer_.onProblem(kept.error().message);
    const std::lock_guard lock(entry.mutex);
    entry.next = std::move(next);
  }
  consoles_.awaitEnd(entry.name, context.capped(kLastWords, runtime_->clock()));
  disarmWatch(entry);
  const auto removed = runtime_->remove(info.id, {}, context);
  if (!removed) return removed.error();
  return makeNext(entry);
}

/// Its container is gone. What is refused is dropped where there is something to go back to.
Result<void> Supervisor::Core::makeNext(Entry& entry) {
  const NextSpec next = *entry.next;
  {
    const std::lock_guard lock(entry.mutex);
    entry.container.reset();
  }
  const auto make = [&](const ContainerSpec& spec) {
    // Not cut off by a stop that overtakes: the server would be left without a container.
    auto created = runtime_->create(spec, callContext());
    if (created || (created.error().effect != Effect::kUnknown &&
                    !created.error().is(ErrorCode::kAlreadyExists)))
      return created;
    auto found = madeAllTheSame(entry);
    return found && found->id != next.replaces ? Result(*std::move(found)) : created;
  };
  const ContainerSpec* spec = &next.spec;
  auto created = make(*spec);
  std::optional<Error> refused;
  if (!created && !mayWorkLater(created.error()) && next.previous) {
    refused = created.error();
    spec = &*next.previous;
    created = make(*spec);
  }
  if (!created) {
    Error error = refused.value_or(created.error());
    if (mayWorkLater(created.error())) error.effect = Effect::kUnknown;
    return error;
  }
  {
    const std::lock_guard lock(entry.mutex);
    entry.container = created->id;
    describe(entry, *spec);
    // It was gone, and is there again.
    if (entry.desired.wanted == Wanted::kFailed && entry.desired.reason == Reason::kRemoved)
      want(entry, {});
  }
  awaitKept();
  dropNext(entry);
  return refused ? *refused : Result<void>();
}

/// Of an entry whose container was taken away by an operation that got no further.
void Supervisor::Core::makeAgain(const EntryPtr& entry) {
  {
    const std::lock_guard lock(entry->mutex);
    entry->run.reset();
    entry->pid.reset();
    entry->forgetStats();
  }
  const auto made = makeNext(*entry);
  Transition told;
  if (!made && !mayWorkLater(made.error())) {
    told.failed = OperationKind::kUpdate;
    told.error = made.error();
  }
  if (!entry->container) {
    const bool later = !told.failed;
    setState(*entry, EntryState::kFailed, Reason::kRemoved, nullptr, std::move(told));
    if (later) lookLater(entry);
    return;
  }
  settleMade(entry, std::move(told));
}

/// As one that was found: it is started if it is wanted running.
void Supervisor::Core::settleMade(const EntryPtr& entry, Transition told) {
  {
    const std::lock_guard lock(entry->mutex);
    entry->doubt(clock().now());
  }
  setState(*entry, EntryState::kCreating, Reason::kRequested, nullptr, std::move(told));
  reconcile(entry);
}

}  // namespace control

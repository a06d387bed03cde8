#include <algorithm>

#include "supervise/at_once.h"
#include "supervise/core.h"

namespace control {
namespace {

constexpr Duration kLookAgainDelay = std::chrono::seconds(2);

}  // namespace

// ---- exits ----

void Supervisor::Core::watchFired(std::uint64_t token) {
  EntryPtr entry;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = watches_.find(token); found != watches_.end())
      entry = found->second.lock();
  }
  if (entry) look(entry, Job::Type::kObserveExit);
}

void Supervisor::Core::armWatch(const EntryPtr& entry, std::unique_ptr<ExitWatch> watch) {
  disarmWatch(*entry);
  const std::uint64_t token = watcher_.newToken();
  {
    const std::lock_guard lock(mutex_);
    watches_[token] = entry;
  }
  const int fd = watch->pollFd();
  {
    const std::lock_guard lock(entry->mutex);
    entry->watch = std::move(watch);
    entry->watch_token = token;
  }
  if (watcher_.add(fd, token)) return;
  // No descriptor to wait on: it is looked at every now and then.
  disarmWatch(*entry);
  lookLater(entry);
}

void Supervisor::Core::disarmWatch(Entry& entry) {
  std::shared_ptr<ExitWatch> watch;
  std::uint64_t token = 0;
  {
    const std::lock_guard lock(entry.mutex);
    watch = std::move(entry.watch);
    entry.watch = nullptr;
    token = std::exchange(entry.watch_token, 0);
  }
  if (!watch) return;
  watcher_.remove(watch->pollFd());
  const std::lock_guard lock(mutex_);
  watches_.erase(token);
}

void Supervisor::Core::rearmForRun(const EntryPtr& entry) {
  const ContainerId id = *entry->container;
  const CallContext context = lookContext(*entry);
  auto watch = runtime_->watchExit(id, context);
  if (!watch) return;
  // Only a container that still is in its run after the new watch was armed lets go of the old one.
  const auto info = runtime_->inspect(id, context);
  if (!info || !info->running() || !entry->run ||
      info->started_at.value_or(WallTime{}) != entry->run->started_at)
    return;
  armWatch(entry, std::move(*watch));
}

void Supervisor::Core::observeExit(const EntryPtr& entry) {
  const std::shared_ptr<ExitWatch> watch = entry->watch;
  if (!watch) return;
  {
    // It may be the engine that ends it; that is judged once all are seen.
    const std::lock_guard lock(entry->mutex);
    if (entry->in_doubt) return;
  }
  const auto noticed = watch->noticed(kAtOnce);
  if (!noticed && noticed.error().is(ErrorCode::kDeadlineExceeded)) {
    watcher_.rearm(watch->pollFd(), entry->watch_token);
    return;
  }
  // It has ended, and an engine that is slow to say how will be believed: not so soon given up.
  const auto exit = noticed ? watch->exited(callContext()) : noticed;
  if (exit) {
    runEnded(entry, *exit);
    // Somebody may have started it again, and that may have been told before we knew of the end.
    return look(entry);
  }
  disarmWatch(*entry);
  // Removed, or started again before anybody could tell how it ended.
  if (exit.error().is(ErrorCode::kNotFound)) return reconcile(entry);
  lookLater(entry);
}

// ---- what the engine says ----

/// Has an entry's own queue look at it; once, however often it is asked for.
void Supervisor::Core::look(const EntryPtr& entry, Job::Type type) {
  {
    const std::lock_guard lock(entry->mutex);
    for (const JobPtr& one : entry->queue)
      if (one->type == type) return;
  }
  auto job = std::make_shared<Job>();
  job->type = type;
  enqueue(entry, std::move(job));
}

void Supervisor::Core::lookLater(const EntryPtr& entry) {
  {
    const std::lock_guard lock(entry->mutex);
    if (std::exchange(entry->look_planned, true)) return;
  }
  timers_.after(kLookAgainDelay, [this, entry] {
    {
      const std::lock_guard lock(entry->mutex);
      entry->look_planned = false;
    }
    look(entry);
  });
}

void Supervisor::Core::reconcile(const EntryPtr& entry) {
  bool in_doubt = false;
  bool may_be_taken_along = false;
  {
    const std::lock_guard lock(entry->mutex);
    may_be_taken_along = entry->in_doubt;
    in_doubt = entry->in_doubt || entry->state == EntryState::kUnknown;
  }
  const std::optional<bool> together = diedTogether();
  // It is looked at after the list that tells.
  if (!reachable_ || (in_doubt && !together)) return;
  const bool by_name = !entry->container;
  const ContainerId id = entry->container.value_or(ContainerId{options_.name_prefix + entry->name});
  const CallContext context = lookContext(*entry);
  const auto info = runtime_->inspect(id, context);
  const bool anothers = by_name && info && !isOurs(*info);
  if (!info || anothers) {
    if (!anothers && !info.error().is(ErrorCode::kNotFound)) return lookLater(entry);
    std::unique_lock lock(entry->mutex);
    // Its creation failed, and an engine that was lost since made nothing of it either; or it was
    // gone when this process began.
    if (!entry->container && !entry->next) {
      entry->in_doubt = false;
      Reason why = entry->desired.reason.value_or(Reason::kAdopted);
      if (entry->is_desire_known && entry->desired.wanted != Wanted::kFailed)
        why = Reason::kRemoved;
      lock.unlock();
      return setState(*entry, EntryState::kFailed, why, nullptr);
    }
    const bool never_seen = entry->state == EntryState::kUnknown && !entry->is_desire_known &&
                            !entry->run && !entry->next;
    lock.unlock();
    // A late event, or an old list, of a container that is gone already.
    if (!never_seen) return containerGone(entry);
    letGo(*entry);
    return forget(entry);
  }
  dropNextIfMade(*entry, info->id);
  if (isGoing(*info)) {
    // What was taken away by us is ours to remove; what others remove goes without us.
    if (entry->isTakenAway() && !runtime_->remove(info->id, {.force = true}, context))
      return lookLater(entry);
    return containerGone(entry);
  }
  const bool known_run = entry->run && info->started_at == entry->run->started_at;
  if (info->running()) {
    if (known_run && entry->watch && entry->state == EntryState::kRunning && !in_doubt) return;
    auto watch = runtime_->watchExit(info->id, context);
    if (!watch) return lookLater(entry);
    // It may have ended before the watch was armed, which then waits for the next run.
    const auto still = runtime_->inspect(info->id, context);
    if (!still) return lookLater(entry);
    if (!still->running() || still->started_at != info->started_at) return look(entry);
    adopt(*entry, *info);
    armWatch(entry, std::move(*watch));
    setState(*entry, EntryState::kRunning, Reason::kAdopted, nullptr);
    return primeStats(entry);
  }
  if (in_doubt) return settle(entry, *info, *together && may_be_taken_along);
  if (entry->run) return runEnded(entry, info->exit.value_or(ExitStatus{.run = *entry->run}));
  adopt(*entry, *info);
}

void Supervisor::Core::describe(Entry& entry, const ContainerSpec& spec) const {
  entry.image = spec.image;
  entry.own_stop_timeout = spec.stop_timeout.value_or(entry.own_stop_timeout);
  entry.own_stop_signal = spec.stop_signal.value_or(Signal::term());
  const auto& labels = spec.labels;
  if (const auto label = labels.find(options_.restart_label); label != labels.end())
    entry.restart = RestartPolicy::parse(label->second).value_or(RestartPolicy{});
  if (const auto label = labels.find(options_.stop_ladder_label); label != labels.end())
    entry.ladder = StopLadder::parse(label->second).value_or(StopLadder{});
}

/// What a stop goes by, of one that could not be looked at yet.
void Supervisor::Core::learn(Entry& entry) {
  if (!entry.container || !entry.image.empty()) return;
  const auto info = runtime_->inspect(*entry.container, lookContext(entry));
  if (!info) return;
  const std::lock_guard lock(entry.mutex);
  describe(entry, info->spec);
}

/// Takes over what the engine knows of a container. Reads only.
void Supervisor::Core::adopt(Entry& entry, const ContainerInfo& info) {
  const std::lock_guard lock(entry.mutex);
  entry.container = info.id;
  describe(entry, info.spec);
  entry.exit = info.exit;
  entry.pid = info.pid;
  if (!info.running()) return;
  entry.restart_planned = false;
  entry.restores = false;
  entry.in_doubt = false;
  const RunId run{.container = info.id, .started_at = info.started_at.value_or(WallTime{})};
  const bool known_run = entry.run == run;
  if (!known_run) {
    entry.forgetStats();
    const Duration age = info.started_at ? clock().wallNow() - *info.started_at : Duration::zero();
    entry.run_began = clock().now() - std::max(age, Duration::zero());
  }
  entry.run = run;
  entry.unasked_end.reset();
  // One that was stopped while nobody could see it, or in this very run, and still runs: it was
  // asked to end. Otherwise somebody started it.
  const bool ends = (entry.state == EntryState::kUnknown || known_run) && entry.is_desire_known &&
                    entry.desired.wanted == Wanted::kStopped;
  if (!ends && entry.desired.wanted != Wanted::kRunning) want(entry, {.wanted = Wanted::kRunning});
  restarted(entry);
  want(entry, entry.desired);
}

void Supervisor::Core::containerGone(const EntryPtr& entry) {
  disarmWatch(*entry);
  if (entry->isTakenAway()) return makeAgain(entry);
  const std::optional<ContainerId> gone = entry->container;
  {
    const std::lock_guard lock(entry->mutex);
    entry->container.reset();
    entry->run.reset();
    entry->pid.reset();
    entry->forgetStats();
    entry->in_doubt = false;
    entry->restores = false;
    want(*entry, {.wanted = Wanted::kFailed, .reason = Reason::kRemoved});
  }
  setState(*entry, EntryState::kFailed, Reason::kRemoved, nullptr, {.container = gone});
}

// ---- what events tell ----

/// A container that events name and nobody here knows: somebody else made it, or it is gone again
/// and the event is late.
void Supervisor::Core::meet(const Event& event) {
  {
    const std::lock_guard lock(mutex_);
    if (!whyNobodys(event.labels, event.container, event.name).empty()) return;
    if (!meeting_.insert(event.container).second) return;
  }
  executor_.submit([this, id = event.container] {
    const auto info = runtime_->inspect(id, callContext().capped(kLookTimeout, clock()));
    EntryPtr entry;
    {
      const std::lock_guard lock(mutex_);
      meeting_.erase(id);
      if (!info || !whyNobodys(info->spec.labels, id, info->spec.name).empty()) return;
      entry = entryOf(info->spec.labels.at(options_.entry_label), true);
      const std::lock_guard entry_lock(entry->mutex);
      if (!entry->container && !entry->busy) entry->container = info->id;
    }
    look(entry);
  });
}

void Supervisor::Core::handleEvent(const Event& event) {
  if (event.type == EventType::kGap) {
    executor_.submit([this] {
      if (!relist(callContext())) planConnect(Duration::zero());
    });
    return;
  }
  const bool appears = event.type == EventType::kCreated || event.type == EventType::kStarted;
  const bool ends = event.type == EventType::kExited || event.type == EventType::kRemoved;
  if (!appears && !ends && event.type != EventType::kSignalled) return;
  EntryPtr entry;
  if (const auto label = event.labels.find(options_.entry_label); label != event.labels.end()) {
    const std::lock_guard lock(mutex_);
    const auto owner = event.labels.find(options_.owner_label.first);
    if (owner != event.labels.end() && owner->second != options_.owner_label.second) return;
    entry = entryOf(label->second, false);
  }
  if (!entry) {
    if (appears) meet(event);
    return;
  }
  {
    const std::lock_guard lock(entry->mutex);
    if (event.type == EventType::kSignalled) return noteSignal(*entry, event);
    const News news{.type = event.type, .container = event.container};
    if (entry->busy) {
      // Most likely the doing of an operation of ours; if not, it is looked at afterwards.
      if (!entry->news || entry->news->type != EventType::kGap) entry->news = news;
      return;
    }
    if (entry->shows(news)) return;
    if (event.type == EventType::kCreated && entry->state != EntryState::kUnknown &&
        entry->container)
      return;
  }
  look(entry);
}

/// With the entry's mutex held: whoever sends a stop signal past us wants the server stopped.
void Supervisor::Core::noteSignal(Entry& entry, const Event& event) {
  constexpr Signal kQuit{3};
  if (!event.signal || !entry.run || entry.run->container != event.container) return;
  const bool ours = entry.active && (entry.active->type == Job::Type::kStop ||
                                     entry.active->type == Job::Type::kRestart ||
                                     entry.active->type == Job::Type::kRemove);
  if (ours) return;
  // A late word of the signal that ended the run before.
  if (event.at < entry.run->started_at) return;
  if (entry.sent_signal && entry.sent_signal->run == *entry.run) return;
  if (*event.signal == Signal::term() || *event.signal == Signal::interrupt() ||
      *event.signal == kQuit || event.signal == entry.own_stop_signal)
    entry.stopped_by_others = entry.run;
}

}  // namespace control

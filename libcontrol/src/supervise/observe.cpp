#include <algorithm>
#include <atomic>
#include <cmath>

#include "supervise/core.h"

namespace control {
namespace {

/// Returns what is there already and never waits.
const CallContext kAtOnce{.deadline = TimePoint{}};

constexpr Duration kReconnectDelay = std::chrono::seconds(1);
constexpr Duration kLookAgainDelay = std::chrono::seconds(2);
/// A hung engine keeps its connections: only a question shows it.
constexpr Duration kPingInterval = std::chrono::seconds(15);
constexpr Duration kPingTimeout = std::chrono::seconds(10);
/// Containers that are looked at side by side after a list.
constexpr std::size_t kLookers = 4;

bool is(const Error& error, ErrorCode code) { return error.code == code; }

Reason reasonOf(const ExitStatus& exit) {
  if (exit.oom_killed.value_or(false)) return Reason::kOomKilled;
  return exit.exit_code == 0 && !exit.signal ? Reason::kExited : Reason::kCrashed;
}

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
  if (!watcher_.add(fd, token)) lookLater(entry);
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
  auto watch = runtime_->watchExit(id, callContext());
  if (!watch) return;
  // Only a container that still is in its run after the new watch was armed lets go of the old one.
  const auto info = runtime_->inspect(id, callContext());
  if (!info || !info->running() || !entry->run ||
      info->started_at.value_or(WallTime{}) != entry->run->started_at)
    return;
  armWatch(entry, std::move(*watch));
}

void Supervisor::Core::observeExit(const EntryPtr& entry) {
  const std::shared_ptr<ExitWatch> watch = entry->watch;
  if (!watch) return;
  const auto noticed = watch->noticed(kAtOnce);
  if (!noticed && is(noticed.error(), ErrorCode::kDeadlineExceeded)) {
    watcher_.rearm(watch->pollFd(), entry->watch_token);
    return;
  }
  const auto exit = noticed ? watch->exited(callContext()) : noticed;
  if (exit) return runEnded(entry, *exit);
  disarmWatch(*entry);
  // Removed, or started again before anybody could tell how it ended.
  if (is(exit.error(), ErrorCode::kNotFound)) return reconcile(entry);
  lookLater(entry);
}

/// The end of a run that no operation was waiting for.
void Supervisor::Core::runEnded(const EntryPtr& entry, const ExitStatus& exit) {
  disarmWatch(*entry);
  bool asked_for = false;
  bool restart = false;
  Reason reason = reasonOf(exit);
  {
    const std::lock_guard lock(entry->mutex);
    asked_for = entry->sent_signal && entry->run && entry->sent_signal->run == *entry->run;
    const RestartPolicy& policy = entry->restart;
    const Duration ran_for =
        entry->run ? clock().wallNow() - entry->run->started_at : Duration::zero();
    if (ran_for >= policy.reset_after) entry->retries_in_row = 0;
    restart = policy.mode == RestartPolicy::Mode::kAlways ||
              (policy.mode == RestartPolicy::Mode::kOnFailure && reason != Reason::kExited);
    restart = restart && entry->retries_in_row < policy.max_retries;
    entry->exit = exit;
    entry->run.reset();
    entry->pid.reset();
    entry->sent_signal.reset();
    entry->forgetStats();
  }
  if (asked_for)
    return setState(*entry, EntryState::kStopped, Reason::kStoppedGracefully, nullptr,
                    {.exit = exit});
  if (reason == Reason::kExited && !restart)
    return setState(*entry, EntryState::kStopped, reason, nullptr, {.exit = exit});
  setState(*entry, EntryState::kCrashed, reason, nullptr, {.exit = exit});
  if (restart) return planRestart(entry);
  setState(*entry, EntryState::kFailed, reason, nullptr, {.exit = exit});
}

/// `counts` not: one that was planned before and could not be made.
void Supervisor::Core::planRestart(const EntryPtr& entry, bool counts) {
  Duration delay{};
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(entry->mutex);
    if (!counts && entry->retries_in_row > 0) --entry->retries_in_row;
    const double factor = std::pow(2.0, entry->retries_in_row);
    const double wanted = static_cast<double>(entry->restart.first_delay.count()) * factor;
    const auto longest = static_cast<double>(entry->restart.longest_delay.count());
    delay = Duration(static_cast<Duration::rep>(std::min(wanted, longest)));
    ++entry->retries_in_row;
    generation = ++entry->restart_generation;
    entry->restart_planned = true;
  }
  timers_.after(delay, [this, entry, generation] {
    {
      const std::lock_guard lock(entry->mutex);
      if (entry->removed || entry->restart_generation != generation) return;
    }
    auto job = std::make_shared<Job>();
    job->type = Job::Type::kAutoRestart;
    enqueue(entry, std::move(job));
  });
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
  timers_.after(kLookAgainDelay, [this, entry] { look(entry); });
}

void Supervisor::Core::reconcile(const EntryPtr& entry) {
  const ContainerId id = entry->container.value_or(ContainerId{options_.name_prefix + entry->name});
  const auto info = runtime_->inspect(id, callContext());
  if (!info) {
    if (!is(info.error(), ErrorCode::kNotFound)) {
      if (reachable_) lookLater(entry);
      return;
    }
    if (entry->container) return containerGone(entry);
    // A late event of a container that is gone already.
    if (entry->state == EntryState::kUnknown) forget(entry);
    return;
  }
  const bool known_run = entry->run && info->started_at == entry->run->started_at;
  if (info->running()) {
    if (known_run && entry->watch && entry->state == EntryState::kRunning) return;
    auto watch = runtime_->watchExit(info->id, callContext());
    if (!watch) return lookLater(entry);
    // It may have ended before the watch was armed, which then waits for the next run.
    const auto still = runtime_->inspect(info->id, callContext());
    if (!still) return lookLater(entry);
    if (!still->running() || still->started_at != info->started_at) return look(entry);
    adopt(*entry, *info);
    armWatch(entry, std::move(*watch));
    setState(*entry, EntryState::kRunning, Reason::kAdopted, nullptr);
    return primeStats(*entry);
  }
  if (entry->run) return runEnded(entry, info->exit.value_or(ExitStatus{.run = *entry->run}));
  adopt(*entry, *info);
  if (entry->state == EntryState::kUnknown && entry->restart_planned) {
    setState(*entry, EntryState::kCrashed,
             info->exit ? reasonOf(*info->exit) : Reason::kStartFailed, nullptr,
             {.exit = info->exit});
    return planRestart(entry, false);
  }
  if (entry->state == EntryState::kUnknown)
    setState(*entry,
             info->state == ContainerState::kCreated ? EntryState::kCreated : EntryState::kStopped,
             Reason::kAdopted, nullptr, {.exit = info->exit});
}

/// Takes over what the engine knows of a container. Reads only.
void Supervisor::Core::adopt(Entry& entry, const ContainerInfo& info) {
  const std::lock_guard lock(entry.mutex);
  entry.container = info.id;
  entry.image = info.spec.image;
  entry.own_stop_timeout = info.spec.stop_timeout.value_or(entry.own_stop_timeout);
  entry.own_stop_signal = info.spec.stop_signal.value_or(Signal::term());
  if (const auto label = info.spec.labels.find(options_.restart_label);
      label != info.spec.labels.end())
    entry.restart = RestartPolicy::parse(label->second).value_or(RestartPolicy{});
  entry.exit = info.exit;
  entry.pid = info.pid;
  if (!info.running()) return;
  entry.restart_planned = false;
  const RunId run{.container = info.id, .started_at = info.started_at.value_or(WallTime{})};
  if (entry.run != run) entry.forgetStats();
  entry.run = run;
}

void Supervisor::Core::containerGone(const EntryPtr& entry) {
  disarmWatch(*entry);
  const std::optional<ContainerId> gone = entry->container;
  {
    const std::lock_guard lock(entry->mutex);
    entry->container.reset();
    entry->run.reset();
    entry->pid.reset();
    entry->forgetStats();
  }
  setState(*entry, EntryState::kFailed, Reason::kRemoved, nullptr, {.container = gone});
}

EntryPtr Supervisor::Core::entryNamedBy(const std::map<std::string, std::string>& labels,
                                        bool make) {
  const auto label = labels.find(options_.entry_label);
  if (label == labels.end() || label->second.empty()) return nullptr;
  const auto owner = labels.find(options_.owner_label.first);
  if (owner != labels.end() && owner->second != options_.owner_label.second) return nullptr;
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(label->second); found != entries_.end())
    return found->second;
  if (!make) return nullptr;
  return entries_[label->second] = std::make_shared<Entry>(label->second);
}

/// A container that events name and nobody here knows: somebody else made it, or it is gone again
/// and the event is late.
void Supervisor::Core::meet(const ContainerId& id) {
  const auto info = runtime_->inspect(id, callContext());
  if (!info) return;
  if (const EntryPtr entry = entryNamedBy(info->spec.labels, true)) look(entry);
}

void Supervisor::Core::handleEvent(const Event& event) {
  if (event.type == EventType::kGap) {
    executor_.submit([this] { (void)relist(callContext()); });
    return;
  }
  const bool appears = event.type == EventType::kCreated || event.type == EventType::kStarted;
  const bool ends = event.type == EventType::kExited || event.type == EventType::kRemoved;
  if (!appears && !ends) return;
  const EntryPtr entry = entryNamedBy(event.labels, false);
  if (!entry) {
    if (appears) executor_.submit([this, id = event.container] { meet(id); });
    return;
  }
  {
    // What an operation of ours is doing is no news; an exit has its watch.
    const std::lock_guard lock(entry->mutex);
    if (entry->busy) return;
    const bool is_known = entry->container == event.container;
    if (event.type == EventType::kExited && (!is_known || entry->watch)) return;
    if (event.type == EventType::kRemoved && !is_known) return;
    if (event.type == EventType::kStarted && is_known && entry->state == EntryState::kRunning)
      return;
    if (event.type == EventType::kCreated && entry->state != EntryState::kUnknown) return;
  }
  look(entry);
}

// ---- the engine, lost and found ----

void Supervisor::Core::open(const CallContext& context) {
  connectEvents(context);
  if (options_.stats_interval > Duration::zero()) keepSampling();
  keepLooking();
}

void Supervisor::Core::tellEngine(bool reachable, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (told_reachable_ == reachable) return;
    told_reachable_ = reachable;
  }
  reachable_ = reachable;
  observer_.onEngine(reachable, reason);
}

/// Subscribes, then lists: what happens in between is in the stream.
void Supervisor::Core::connectEvents(const CallContext& context) {
  if (stopping_.stop_requested()) return;
  {
    const std::lock_guard lock(mutex_);
    connect_again_ = connecting_;
    if (std::exchange(connecting_, true)) return;
  }
  auto stream =
      runtime_->events({.labels = {{options_.managed_label.first, options_.managed_label.second}}},
                       context.capped(kPingTimeout, clock()));
  Result<void> connected;
  if (stream)
    watcher_.follow(std::move(*stream));
  else if (!is(stream.error(), ErrorCode::kUnsupported))
    connected = stream.error();
  if (connected) connected = relist(context);
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    connecting_ = false;
    again = std::exchange(connect_again_, false);
  }
  if (connected && !again) return;
  if (!connected) engineLost(connected.error());
  timers_.after(kReconnectDelay,
                [this] { executor_.submit([this] { connectEvents(callContext()); }); });
}

void Supervisor::Core::engineLost(const Error& error) {
  if (stopping_.stop_requested()) return;
  const bool was_reachable = reachable_;
  tellEngine(false, error.message);
  if (!was_reachable) return;
  std::vector<EntryPtr> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : entries_) all.push_back(entry);
  }
  for (const EntryPtr& entry : all) look(entry, Job::Type::kEngineLost);
}

Result<void> Supervisor::Core::relist(const CallContext& context) {
  const auto listed = runtime_->list(
      {.labels = {{options_.managed_label.first, options_.managed_label.second}}}, context);
  if (!listed) return listed.error();
  std::vector<EntryPtr> suspects;
  std::map<std::string, bool> present;
  for (const ContainerSummary& summary : *listed) {
    const EntryPtr entry = entryNamedBy(summary.labels, true);
    if (!entry) continue;
    present[entry->name] = true;
    const bool runs =
        summary.state == ContainerState::kRunning || summary.state == ContainerState::kPaused;
    const std::lock_guard lock(entry->mutex);
    if (entry->busy && !entry->isLost()) continue;
    if (entry->isLost() || runs != entry->run.has_value() || entry->container != summary.id)
      suspects.push_back(entry);
  }
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : entries_) {
      const std::lock_guard entry_lock(entry->mutex);
      if (!present.contains(name) && entry->container && (!entry->busy || entry->isLost()))
        suspects.push_back(entry);
    }
  }
  tellEngine(true, "");
  lookAtAll(std::move(suspects), context);
  listed_ = true;
  return {};
}

/// Looks at many entries, a few at a time, and returns when all were looked at or the context ends.
void Supervisor::Core::lookAtAll(std::vector<EntryPtr> entries, const CallContext& context) {
  struct Shared {
    std::vector<EntryPtr> entries;
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t working = 0;
  };
  if (entries.empty()) return;
  const auto shared = std::make_shared<Shared>();
  shared->entries = std::move(entries);
  shared->working = std::min(kLookers, shared->entries.size());
  for (std::size_t i = shared->working; i > 0; --i) {
    executor_.submit([this, shared] {
      for (std::size_t one; (one = shared->next++) < shared->entries.size();) {
        auto job = std::make_shared<Job>();
        job->type = Job::Type::kReconcile;
        const EntryPtr& entry = shared->entries[one];
        if (push(*entry, std::move(job))) workOff(entry);
      }
      const std::lock_guard lock(shared->mutex);
      --shared->working;
      shared->changed.notify_all();
    });
  }
  std::unique_lock lock(shared->mutex);
  while (shared->working > 0 && !stopping_.stop_requested())
    if (!clock().waitUntil(lock, shared->changed, context.deadline)) return;
}

void Supervisor::Core::keepLooking() {
  timers_.after(kPingInterval, [this] {
    executor_.submit([this] {
      if (stopping_.stop_requested()) return;
      const int every = static_cast<int>(
          std::max<Duration>(options_.relist_interval, kPingInterval) / kPingInterval);
      Result<void> answer;
      if (reachable_ && ++looks_ % every == 0) {
        answer = relist(callContext().capped(kPingTimeout, clock()));
      } else if (reachable_) {
        const auto info = runtime_->info(callContext().capped(kPingTimeout, clock()));
        if (!info) answer = info.error();
      }
      if (!answer) {
        engineLost(answer.error());
        connectEvents(callContext());
      }
      keepLooking();
    });
  });
}

}  // namespace control

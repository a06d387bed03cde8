#include <algorithm>
#include <array>
#include <cmath>

#include "supervise/core.h"

namespace control {
namespace {

/// Servers that are started again side by side, and how long one may keep the next waiting.
constexpr std::size_t kRestoredAtOnce = 4;
constexpr Duration kLongestTurn = std::chrono::seconds(10);
/// Before one that may not start now is asked for again.
constexpr Duration kAskAgainDelay = std::chrono::seconds(1);
/// Between starts that an engine in trouble could not make: it may be well again any time.
constexpr Duration kLongestPause = std::chrono::seconds(30);

/// `first`, twice that, four times that and so on, up to `longest`.
Duration backOff(Duration first, int before, Duration longest) {
  const double wanted = static_cast<double>(first.count()) * std::pow(2.0, before);
  return Duration(
      static_cast<Duration::rep>(std::min(wanted, static_cast<double>(longest.count()))));
}

/// Says nothing about the server: trying again may help.
bool isEngineTrouble(const Error& error) {
  return error.is(ErrorCode::kUnavailable) || error.is(ErrorCode::kDeadlineExceeded) ||
         error.is(ErrorCode::kResourceExhausted);
}

Reason reasonOf(const Error& error) {
  if (error.is(ErrorCode::kPortConflict)) return Reason::kPortConflict;
  if (error.is(ErrorCode::kImageNotFound)) return Reason::kImageMissing;
  return Reason::kStartFailed;
}

/// A shell's or engine's exit code for the end by that signal.
bool isCodeOf(const ExitStatus& exit, Signal signal) {
  return exit.signal == signal || exit.exit_code == 128 + signal.number;
}

/// Ended as a process that was asked to, by whomever: not a crash.
bool wasAskedToEnd(const ExitStatus& exit) {
  constexpr std::array kRequests = {Signal::term(), Signal::interrupt(), Signal{1}};
  if (exit.oom_killed.value_or(false)) return false;
  return (exit.exit_code == 0 && !exit.signal) ||
         std::any_of(kRequests.begin(), kRequests.end(),
                     [&](Signal one) { return isCodeOf(exit, one); });
}

/// What an engine or a host that goes down leaves: asked to end, killed, or (255) not known.
bool mayBeTakenAlong(const ExitStatus& exit) {
  if (exit.oom_killed.value_or(false)) return false;
  return wasAskedToEnd(exit) || isCodeOf(exit, Signal::kill()) || exit.exit_code == 255 ||
         (!exit.exit_code && !exit.signal);
}

Reason reasonOf(const ExitStatus& exit) {
  if (exit.oom_killed.value_or(false)) return Reason::kOomKilled;
  return wasAskedToEnd(exit) ? Reason::kExited : Reason::kCrashed;
}

}  // namespace

// ---- what is wanted ----

void Supervisor::Core::want(Entry& entry, const Desired& desired) {
  entry.desired = desired;
  entry.is_desire_known = true;
  desired_.set(entry.name, desired);
}

/// With the entry's mutex held: what an operation that is accepted wants.
void Supervisor::Core::wantAs(Entry& entry, Job& job) {
  job.desired_before = entry.desired;
  job.desire_change = ++entry.desire_changes;
  entry.unasked_end.reset();
  entry.restores = false;
  want(entry, {.wanted = job.isStart() ? Wanted::kRunning : Wanted::kStopped});
  if (job.type == Job::Type::kRemove) desired_.set(entry.name, {.wanted = Wanted::kGone});
}

// ---- ends that nobody asked for ----

/// The end of a run that no operation was waiting for.
void Supervisor::Core::runEnded(const EntryPtr& entry, const ExitStatus& exit) {
  disarmWatch(*entry);
  Reason reason = reasonOf(exit);
  bool asked_for = false;
  bool restart = false;
  bool may_be_engines = false;
  {
    const std::lock_guard lock(entry->mutex);
    asked_for = entry->desired.wanted == Wanted::kStopped ||
                (entry->sent_signal && entry->run && entry->sent_signal->run == *entry->run);
    const bool by_others = entry->run && entry->stopped_by_others == entry->run;
    if (by_others) reason = Reason::kExited;
    const RestartPolicy& policy = entry->restart;
    Desired desired = entry->desired;
    if (!asked_for)
      entry->unasked_end = UnaskedEnd{.at = clock().now(),
                                      .from_outside = by_others || mayBeTakenAlong(exit),
                                      .before = desired};
    if (entry->run && clock().now() - entry->run_began >= policy.reset_after) desired.retries = 0;
    restart = !by_others &&
              (policy.mode == RestartPolicy::Mode::kAlways ||
               (policy.mode == RestartPolicy::Mode::kOnFailure && reason != Reason::kExited));
    restart = restart && desired.retries < policy.max_retries;
    entry->exit = exit;
    entry->run.reset();
    entry->pid.reset();
    entry->sent_signal.reset();
    entry->forgetStats();
    if (asked_for) desired.wanted = Wanted::kStopped;
    if (!asked_for && !restart)
      desired.wanted = reason == Reason::kExited ? Wanted::kStopped : Wanted::kFailed;
    // With one that is wanted running: a restart is due.
    if (restart || desired.wanted == Wanted::kFailed) desired.reason = reason;
    may_be_engines = !asked_for && !restart && entry->unasked_end->from_outside;
    entry->desired = desired;
    entry->is_desire_known = true;
    if (!may_be_engines) want(*entry, desired);
  }
  if (may_be_engines) keepLater(entry);
  if (asked_for)
    return setState(*entry, EntryState::kStopped, Reason::kStoppedGracefully, nullptr,
                    {.exit = exit});
  if (reason == Reason::kExited && !restart)
    return setState(*entry, EntryState::kStopped, reason, nullptr, {.exit = exit});
  setState(*entry, EntryState::kCrashed, reason, nullptr, {.exit = exit});
  if (restart) return planRestart(entry);
  setState(*entry, EntryState::kFailed, reason, nullptr, {.exit = exit});
}

/// Leaves on disk what was wanted before an end, until it can no longer turn out to be the engine's
/// doing: should this process end before, the next one starts the server again.
void Supervisor::Core::keepLater(const EntryPtr& entry) {
  timers_.after(Entry::kShutdown, [this, entry] {
    const std::lock_guard lock(entry->mutex);
    if (!entry->removed && !entry->mayBeTakenBack(clock().now()))
      desired_.set(entry->name, entry->desired);
  });
}

/// `counts` not: one that was planned before and could not be made.
void Supervisor::Core::planRestart(const EntryPtr& entry, bool counts) {
  Duration delay{};
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(entry->mutex);
    // A stop was accepted meanwhile.
    if (entry->desired.wanted == Wanted::kStopped) return;
    Desired desired = entry->desired;
    desired.wanted = Wanted::kRunning;
    const int retries_before = counts ? desired.retries++ : std::max(desired.retries - 1, 0);
    const RestartPolicy& policy = entry->restart;
    delay = backOff(policy.first_delay, retries_before, policy.longest_delay);
    if (entry->failed_starts > 0)
      delay = std::max(delay, backOff(policy.first_delay, entry->failed_starts - 1, kLongestPause));
    want(*entry, desired);
    generation = ++entry->restart_generation;
    entry->restart_planned = true;
  }
  restartAfter(entry, delay, generation);
}

void Supervisor::Core::restartAfter(const EntryPtr& entry, Duration delay,
                                    std::uint64_t generation) {
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

void Supervisor::Core::restarted(Entry& entry) {
  if (!entry.desired.isRestartDue()) return;
  Desired desired = entry.desired;
  desired.reason.reset();
  want(entry, desired);
}

/// Shows a start that nobody asked for, where that may be made now.
bool Supervisor::Core::beginsByItself(Entry& entry, const Job& job, std::optional<Reason> reason) {
  const auto mayStart = [&] { return !options_.may_start || options_.may_start(entry.name); };
  if (!mayStart()) return false;
  const EntryState rested_in = entry.state;
  const std::optional<Reason> rested_for = entry.reason;
  setState(entry, EntryState::kStarting, reason, &job);
  // Whoever forbade it since may have seen it at rest.
  if (mayStart()) return true;
  setState(entry, rested_in, rested_for, &job);
  return false;
}

Result<void> Supervisor::Core::doAutoRestart(const EntryPtr& entry, Job& job) {
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(entry->mutex);
    // The engine is lost: once it is found the restart is planned again.
    if (entry->state == EntryState::kUnknown) return {};
    if (entry->state != EntryState::kCrashed) entry->restart_planned = false;
    if (entry->state != EntryState::kCrashed) return {};
    generation = entry->restart_generation;
  }
  if (!beginsByItself(*entry, job, entry->reason)) {
    restartAfter(entry, kAskAgainDelay, generation);
    return {};
  }
  {
    const std::lock_guard lock(entry->mutex);
    entry->restart_planned = false;
    ++entry->restarts;
  }
  auto started = startContainer(entry, job);
  if (!started) startFailed(entry, job, started.error());
  return started;
}

/// Tells of a start that failed, and decides how it goes on. Only an engine in trouble is asked
/// again: a port that is taken or a program that is not there stays so.
void Supervisor::Core::startFailed(const EntryPtr& entry, Job& job, const Error& error) {
  if (error.is(ErrorCode::kCancelled)) return;
  const Reason reason = reasonOf(error);
  const bool again = isEngineTrouble(error);
  if (!job.isAutomaticStart()) {
    const bool is_restart = job.type == Job::Type::kRestart;
    const EntryState shown = fail(entry, job, OperationKind::kStart, reason, error);
    const std::lock_guard lock(entry->mutex);
    if (entry->desire_changes != job.desire_change || entry->run) return;
    // It was started and cannot be seen, or may yet come up: it is wanted all the same.
    if (error.effect == Effect::kApplied && shown == EntryState::kUnknown) return;
    if (error.effect == Effect::kUnknown) return;
    const bool keep = again && is_restart && job.desired_before.wanted == Wanted::kRunning;
    return want(*entry, keep ? job.desired_before : Desired{});
  }
  const EntryState state = fail(entry, job, OperationKind::kStart, reason, error,
                                again ? EntryState::kCrashed : EntryState::kFailed);
  if (job.cancel.stop_requested()) return;
  if (state == EntryState::kCrashed) {
    {
      const std::lock_guard lock(entry->mutex);
      ++entry->failed_starts;
      if (job.type == Job::Type::kAutoRestart) --entry->restarts;
    }
    return planRestart(entry, false);
  }
  const std::lock_guard lock(entry->mutex);
  if (state == EntryState::kUnknown) entry->restart_planned = true;
  // Its container was taken away; it is wanted all the same once it is made again.
  if (error.effect == Effect::kUnknown && entry->isTakenAway()) return;
  if (state != EntryState::kFailed || entry->desired.wanted != Wanted::kRunning) return;
  entry->unasked_end = UnaskedEnd{.at = clock().now(), .before = entry->desired};
  want(*entry, {.wanted = Wanted::kFailed, .retries = entry->desired.retries, .reason = reason});
}

// ---- the engine lost, and what it took along ----

void Supervisor::Core::loseSight(const EntryPtr& entry) {
  disarmWatch(*entry);
  {
    const std::lock_guard lock(entry->mutex);
    entry->doubt(clock().now());
    entry->failed_starts = 0;
  }
  setState(*entry, EntryState::kUnknown, Reason::kEngineLost, nullptr);
}

/// What becomes of a container that does not run, after the engine was lost or may have been.
void Supervisor::Core::settle(const EntryPtr& entry, const ContainerInfo& info, bool together) {
  adopt(*entry, info);
  Desired desired;
  bool planned = false;
  bool settled = false;
  {
    const std::lock_guard lock(entry->mutex);
    entry->in_doubt = false;
    const auto end = std::exchange(entry->unasked_end, std::nullopt);
    const bool taken_back = end && together;
    if (taken_back) {
      want(*entry, end->before);
      ++entry->restart_generation;
      entry->restart_planned = false;
    }
    want(*entry, entry->desired);
    desired = entry->desired;
    planned = entry->restart_planned || (!taken_back && desired.isRestartDue());
    const bool is_new =
        entry->state == EntryState::kUnknown || entry->state == EntryState::kCreating;
    settled = !is_new && !entry->run && !taken_back;
  }
  if (settled) return;
  if (planned) {
    setState(*entry, EntryState::kCrashed, info.exit ? reasonOf(*info.exit) : Reason::kStartFailed,
             nullptr, {.exit = info.exit});
    return planRestart(entry, false);
  }
  const bool taken_along = !info.exit || together || mayBeTakenAlong(*info.exit);
  if (desired.wanted == Wanted::kRunning && !taken_along) return runEnded(entry, *info.exit);
  disarmWatch(*entry);
  {
    const std::lock_guard lock(entry->mutex);
    entry->run.reset();
    entry->pid.reset();
    entry->forgetStats();
  }
  if (desired.wanted == Wanted::kRunning) return restore(entry, info);
  EntryState state = EntryState::kStopped;
  if (info.state == ContainerState::kCreated) state = EntryState::kCreated;
  if (desired.wanted == Wanted::kFailed) state = EntryState::kFailed;
  setState(*entry, state, desired.reason.value_or(Reason::kAdopted), nullptr, {.exit = info.exit});
}

void Supervisor::Core::restore(const EntryPtr& entry, const ContainerInfo& info) {
  {
    const std::lock_guard lock(entry->mutex);
    entry->restores = true;
  }
  const bool never_ran = info.state == ContainerState::kCreated;
  setState(*entry, never_ran ? EntryState::kCreated : EntryState::kStopped, Reason::kEngineLost,
           nullptr, {.exit = info.exit});
  takeTurn(entry);
}

void Supervisor::Core::takeTurn(const EntryPtr& entry) {
  {
    const std::lock_guard lock(mutex_);
    restoring_.push_back(entry);
  }
  restoreNext();
}

void Supervisor::Core::restoreNext() {
  for (;;) {
    auto job = std::make_shared<Job>();
    job->type = Job::Type::kRestore;
    job->turn = std::make_shared<std::atomic<bool>>(false);
    EntryPtr entry;
    {
      const std::lock_guard lock(mutex_);
      if (restoring_.empty() || restoring_now_ >= kRestoredAtOnce) return;
      entry = std::move(restoring_.front());
      restoring_.pop_front();
      ++restoring_now_;
    }
    timers_.after(kLongestTurn, [this, job] { endTurn(*job); });
    enqueue(entry, std::move(job));
  }
}

void Supervisor::Core::endTurn(const Job& job) {
  if (!job.turn || job.turn->exchange(true)) return;
  {
    const std::lock_guard lock(mutex_);
    --restoring_now_;
  }
  restoreNext();
}

Result<void> Supervisor::Core::doRestore(const EntryPtr& entry, Job& job) {
  {
    const std::lock_guard lock(entry->mutex);
    if (!entry->restores) return {};
    entry->restores = !entry->run && entry->state != EntryState::kUnknown;
    if (!entry->restores) return {};
  }
  if (!beginsByItself(*entry, job, Reason::kRestored)) {
    timers_.after(kAskAgainDelay, [this, entry] { takeTurn(entry); });
    return {};
  }
  {
    const std::lock_guard lock(entry->mutex);
    entry->restores = false;
  }
  auto started = startContainer(entry, job);
  if (!started) startFailed(entry, job, started.error());
  return started;
}

}  // namespace control

#include <algorithm>

#include "supervise/core.h"

namespace control {
namespace {

/// What a start that the engine does not answer gets once a stop or kill has overtaken it. Cut
/// off earlier, a start that the engine still carries out would come after the stop.
constexpr Duration kOvertakenStartGrace = std::chrono::seconds(5);

/// After a stop that failed so. Sent twice is better than never: without it nothing is saved.
bool mayBeWithoutSignal(const Error& error) {
  if (error.effect == Effect::kApplied) return false;
  // Not even SIGKILL ended it.
  return error.effect == Effect::kNone || !error.is(ErrorCode::kDeadlineExceeded);
}

std::string rungOf(const StopReport& report, const StopOptions& options) {
  if (report.outcome == StopOutcome::kKilled) return Signal::kill().name();
  if (report.outcome != StopOutcome::kStopped) return {};
  return options.signal.value_or(Signal::term()).name();
}

}  // namespace

// ---- stops that join, and starts they overtake ----

/// With the entry's mutex held: one stop that has not begun does for both, in the shorter time.
void Supervisor::Core::joinWaitingStop(const Entry& entry, Job& waiting, const Job& job) {
  waiting.asked.push_back(job.asked.front());
  waiting.kill_requested |= job.kill_requested;
  waiting.desire_change = job.desire_change;
  const Duration shorter = entry.stopTime(job.stop);
  if (shorter < entry.stopTime(waiting.stop)) waiting.stop.timeout = shorter;
  if (job.stop.signal) waiting.stop.signal = job.stop.signal;
}

/// With the entry's mutex held. The stop that runs answers for both; it may end sooner for it.
Result<void> Supervisor::Core::joinStop(Entry& entry, const JobPtr& job) {
  Job& active = *entry.active;
  active.asked.push_back(job->asked.front());
  active.kill_requested |= job->kill_requested;
  active.desire_change = job->desire_change;
  const auto killTime = [&](const StopOptions& options) {
    return CallContext::after(clock().now(), entry.stopTime(options));
  };
  // The stop may have been taken up without having got as far as that.
  if (!active.kill_at) active.kill_at = killTime(active.stop);
  const TimePoint kill_at = killTime(job->stop);
  const bool other_signal = job->stop.signal && job->stop.signal != active.stop.signal;
  const bool sooner = kill_at < *active.kill_at;
  if (!other_signal && !sooner) return {};
  if (sooner) active.kill_at = kill_at;
  if (other_signal) {
    active.stop.signal = job->stop.signal;
    active.stop.send_signal = true;
  }
  active.rearranged = true;
  active.cancel.request_stop();
  return {};
}

/// With the entry's mutex held: starts that wait are dropped, one that runs is asked to end.
void Supervisor::Core::overtakeStarts(Entry& entry, std::vector<JobPtr>& passed_by) {
  const auto waiting = std::stable_partition(entry.queue.begin(), entry.queue.end(),
                                             [](const JobPtr& one) { return !one->isStart(); });
  passed_by.assign(waiting, entry.queue.end());
  entry.queue.erase(waiting, entry.queue.end());
  for (const JobPtr& one : entry.queue) one->start_after_create = false;
  if (!entry.active) return;
  entry.active->start_after_create = false;
  if (!entry.active->isStart()) return;
  entry.active->cancel.request_stop();
  timers_.after(kOvertakenStartGrace,
                [abandon = entry.active->abandon]() mutable { abandon.request_stop(); });
}

// ---- stop ----

Result<void> Supervisor::Core::doStop(const EntryPtr& entry, Job& job) {
  awaitKept();
  // Of one that is down nothing is told unless it turns out to run.
  const bool down = isDown(*entry);
  if (!down) setState(*entry, EntryState::kStopping, Reason::kRequested, &job);
  const auto report = stopContainer(*entry, job);
  if (down && report && report->outcome == StopOutcome::kAlreadyStopped) {
    staysDown(*entry, job);
    return {};
  }
  if (down) setState(*entry, EntryState::kStopping, Reason::kRequested, &job);
  if (!report) {
    fail(entry, job, OperationKind::kStop, Reason::kRequested, report.error());
    return report.error();
  }
  recordStop(entry, job, *report, EntryState::kStopped);
  return {};
}

bool Supervisor::Core::isDown(Entry& entry) {
  const std::lock_guard lock(entry.mutex);
  return !entry.run &&
         (entry.state == EntryState::kCreated || entry.state == EntryState::kStopped ||
          entry.state == EntryState::kCrashed || entry.state == EntryState::kFailed);
}

/// Why it is down is told still: what was asked for changed nothing but that it stays so.
void Supervisor::Core::staysDown(Entry& entry, const Job& job) {
  std::optional<Reason> why;
  {
    const std::lock_guard lock(entry.mutex);
    if (entry.state == EntryState::kCreated) return;
    why = entry.reason;
  }
  setState(entry, EntryState::kStopped, why, &job);
}

/// What is left to do of a stop: it may have been joined, or an earlier one may have sent the
/// signal.
Result<StopOptions> Supervisor::Core::nextStopAttempt(Entry& entry, Job& job) {
  const std::lock_guard lock(entry.mutex);
  if (stopping_.stop_requested())
    return Error{.code = ErrorCode::kCancelled, .message = "the supervisor is shutting down"};
  if (job.cancel.stop_requested() && !job.rearranged) return cancelledByStop();
  const TimePoint now = clock().now();
  if (!job.kill_at) job.kill_at = CallContext::after(now, entry.stopTime(job.stop));
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

Result<Stopped> Supervisor::Core::stopContainer(Entry& entry, Job& job) {
  if (!entry.container) return Stopped{};
  const auto locked = [&](const auto& look) {
    const std::lock_guard lock(entry.mutex);
    return look();
  };
  if (!locked([&] { return job.kill_requested; })) learn(entry);
  if (locked([&] { return entry.climbs(job.stop); })) {
    auto ended = climb(entry, job);
    if (!ended) return ended.error();
    if (*ended) return **std::move(ended);
  }
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
    if (report) return Stopped{*report, rungOf(*report, *options)};
    const std::lock_guard lock(entry.mutex);
    // Whoever stops it next, after a failure or because it overtook this one, must not leave the
    // process without the signal and kill it.
    if (options->send_signal && mayBeWithoutSignal(report.error())) entry.sent_signal = before;
    if (!report.error().is(ErrorCode::kCancelled) || !job.rearranged) return report.error();
  }
}

void Supervisor::Core::recordStop(const EntryPtr& entry, Job& job, const Stopped& report,
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
  job.ended_by = report.rung;
  Transition transition{.rung = report.rung};
  if (report.outcome != StopOutcome::kAlreadyStopped) transition.exit = report.exit;
  setState(*entry, state, reason, &job, std::move(transition));
}

}  // namespace control

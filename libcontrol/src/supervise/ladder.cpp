// The rungs of a stop before the last, which is SIGKILL.

#include <algorithm>

#include "supervise/core.h"

namespace control {
namespace {

/// Writing a line takes a moment, or the process does not read.
constexpr Duration kLongestWrite = std::chrono::seconds(5);

std::string nameOf(const StopLadder::Rung& rung) {
  return rung.command.empty() ? rung.signal.name() : "command";
}

/// A rung that could not be tried: one that ended meanwhile is told by the stop that follows.
Result<std::optional<Stopped>> unanswered(const Error& error) {
  if (error.is(ErrorCode::kNotFound)) return std::optional<Stopped>();
  return error;
}

}  // namespace

bool Entry::climbs(const StopOptions& asked) const {
  return !ladder.rungs.empty() && !asked.signal && !asked.timeout;
}

Duration Entry::stopTime(const StopOptions& asked) const {
  if (!climbs(asked)) return asked.timeout.value_or(own_stop_timeout);
  Duration all{};
  for (const StopLadder::Rung& rung : ladder.rungs) all += rung.timeout;
  return all;
}

/// Goes up the ladder. nullopt: what is left is a stop as any other, and where all rungs were in
/// vain a kill.
Result<std::optional<Stopped>> Supervisor::Core::climb(Entry& entry, Job& job) {
  // An engine that does not answer skips no rung: the last one is the loss of what was not saved.
  // Who asked it to end is asked by the stop that follows.
  const auto unseen = [&](const Error& error) -> Result<std::optional<Stopped>> {
    if (job.cancel.stop_requested()) return std::optional<Stopped>();
    return unanswered(error);
  };
  const auto info = runtime_->inspect(*entry.container, callContext(job.cancel.get_token()));
  if (!info) return unseen(info.error());
  if (!info->running()) return std::optional<Stopped>();
  auto watch = runtime_->watchExit(info->id, callContext(job.cancel.get_token()));
  if (!watch) return unseen(watch.error());
  for (;;) {
    const auto before = entry.sent_signal;  // written by this job alone
    const auto rung = nextRung(entry, job);
    if (!rung) return rung.error();
    if (!*rung) return std::optional<Stopped>();
    const TimePoint deadline = CallContext::after(clock().now(), (*rung)->timeout);
    const auto delivered = deliver(
        info->id, **rung, callContext(job.cancel.get_token()).capped((*rung)->timeout, clock()));
    const bool ended_before = delivered && *delivered == SignalOutcome::kNotRunning;
    if (ended_before || (!delivered && delivered.error().effect != Effect::kApplied)) {
      // Whoever stops it next must send it, and an end that follows is none that was asked for.
      const std::lock_guard lock(entry.mutex);
      entry.sent_signal = before;
    }
    // It may have ended before the watch was armed, which then waits for the next run.
    if (ended_before) return std::optional<Stopped>();
    auto ended =
        delivered ? awaitEnd(**watch, **rung, deadline, job) : unanswered(delivered.error());
    if (ended && *ended) return ended;
    // A command that cannot be written is as good as one that nobody heeds. A signal is not
    // skipped. Who asked it to end is asked above.
    const bool goes_on = ended || !(*rung)->command.empty() || job.cancel.stop_requested();
    if (!goes_on) return ended.error();
  }
}

/// nullopt: there is none, or the stop was joined by one that is no ladder.
Result<std::optional<StopLadder::Rung>> Supervisor::Core::nextRung(Entry& entry, Job& job) {
  const std::lock_guard lock(entry.mutex);
  if (stopping_.stop_requested())
    return Error{.code = ErrorCode::kCancelled, .message = "the supervisor is shutting down"};
  if (job.rearranged) return std::optional<StopLadder::Rung>();
  if (job.cancel.stop_requested()) return cancelledByStop();
  const TimePoint now = clock().now();
  if (!job.kill_at) job.kill_at = CallContext::after(now, entry.stopTime(job.stop));
  if (job.rung == entry.ladder.rungs.size()) {
    job.kill_at = now;
    return std::optional<StopLadder::Rung>();
  }
  StopLadder::Rung rung = entry.ladder.rungs[job.rung++];
  if (entry.run)
    entry.sent_signal =
        SentSignal{.run = *entry.run,
                   .signal = rung.command.empty() ? std::optional(rung.signal) : std::nullopt,
                   .kill_at = *job.kill_at};
  return std::optional(std::move(rung));
}

/// nullopt: it did not end in time.
Result<std::optional<Stopped>> Supervisor::Core::awaitEnd(ExitWatch& watch,
                                                          const StopLadder::Rung& rung,
                                                          TimePoint deadline, const Job& job) {
  const CallContext context = callContext(job.cancel.get_token());
  const auto stopped = [&](std::optional<ExitStatus> exit) {
    Stopped done;
    const bool kills = rung.command.empty() && rung.signal == Signal::kill();
    done.outcome = kills ? StopOutcome::kKilled : StopOutcome::kStopped;
    done.exit = std::move(exit);
    done.rung = nameOf(rung);
    return std::optional(std::move(done));
  };
  CallContext waiting = context;
  waiting.deadline = deadline;
  const auto noticed = watch.noticed(waiting);
  if (!noticed && noticed.error().is(ErrorCode::kDeadlineExceeded)) return std::optional<Stopped>();
  if (!noticed && noticed.error().is(ErrorCode::kNotFound)) return stopped(std::nullopt);
  if (!noticed) return noticed.error();
  const auto exit = watch.exited(context.capped(job.stop.kill_timeout, clock()));
  if (!exit && !exit.error().is(ErrorCode::kNotFound)) return exit.error();
  return stopped(exit ? *exit : *noticed);
}

Result<SignalOutcome> Supervisor::Core::deliver(const ContainerId& id, const StopLadder::Rung& rung,
                                                const CallContext& context) {
  if (rung.command.empty())
    return runtime_->signal(id, rung.signal, callContext(context.cancellation));
  const CallContext writing = context.capped(kLongestWrite, clock());
  auto console = runtime_->attach(id, {}, writing);
  if (!console) return console.error();
  if (auto written = (*console)->write(rung.command + '\n', writing); !written)
    return written.error();
  return SignalOutcome::kDelivered;
}

}  // namespace control

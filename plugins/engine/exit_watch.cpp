#include "engine/exit_watch.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

#include "engine/descriptor.h"
#include "engine/joined_context.h"
#include "engine/process.h"
#include "engine/wakeup.h"

namespace control::engine {
namespace {

/// How long after the end of a process its parent may take to collect it: only then does the
/// kernel tell how it ended.
constexpr int kCollectMs = 5;

/// A look at the engine inside of a call whose deadline is past: part of the 250 ms beyond it.
constexpr Duration kBriefLook = std::chrono::milliseconds(150);

Error overButUnknown(std::string why) {
  return {.code = ErrorCode::kNotFound,
          .message = "the run is over, but how it ended is no longer known: " + std::move(why)};
}

class RunWatch final : public ExitWatch {
 public:
  RunWatch(RunSource& engine, StartNotices& notices, std::string id, const HostRoots& roots)
      : engine_(engine), roots_(roots), id_(std::move(id)), started_(notices, wakeup_) {}

  Result<void> arm(const CallContext& context);

  Result<ExitStatus> noticed(const CallContext& context) override;
  Result<ExitStatus> exited(const CallContext& context) override;
  int pollFd() const noexcept override { return epoll_.get(); }
  void cancel() noexcept override;

 private:
  Result<void> armRunning(const RunState& run, const CallContext& context);
  Result<void> watchFd(int fd);
  bool adoptProcess(const RunState& run);
  void lookForProcess(const CallContext& context);
  Result<void> takeWaitReply(const CallContext& context);
  std::optional<Result<ExitStatus>> renewWait(const CallContext& context);
  ExitStatus fromKernel();
  Result<ExitStatus> engineWord(const CallContext& context);
  std::optional<Result<ExitStatus>> recorded(const RunState& run, const CallContext& context);
  Result<ExitStatus> withoutRecord(std::string why);
  Result<ExitStatus> remember(ExitStatus status);
  std::shared_ptr<EngineWait> replaceWait(std::unique_ptr<EngineWait> wait);
  CallContext atLeastBrief(const CallContext& context) const;

  RunSource& engine_;
  const HostRoots roots_;
  std::string id_;  ///< as asked for; the engine's own once armed
  Wakeup wakeup_{};
  Descriptor epoll_{};
  std::stop_source cancelled_{};
  std::optional<RunId> run_{};                ///< known once the run was seen
  std::shared_ptr<const Process> process_{};  ///< of that run, on this host
  std::shared_ptr<const OomWatch> oom_{};
  std::optional<ExitStatus> noticed_{};
  std::optional<Result<ExitStatus>> exited_{};
  bool wait_over_ = false;          ///< the wait was answered
  std::optional<int> wait_code_{};  ///< its answer, where it told
  std::mutex mutex_;
  std::shared_ptr<EngineWait> wait_{};  ///< guarded by mutex_ against cancel()
  StartNotices::Subscription started_;
};

Result<void> RunWatch::arm(const CallContext& context) {
  epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_ || !wakeup_.valid()) return systemError(errno, "cannot watch a container");
  if (auto watched = watchFd(wakeup_.fd()); !watched) return watched;
  auto run = engine_.inspectRun(id_, context);
  if (!run) return run.error();
  id_ = run->id.value;  // its name may come to mean another container
  if (run->running) return armRunning(*run, context);
  started_.setContainer(id_);
  auto wait = engine_.openNextExit(*run, context);
  if (!wait) return wait.error();
  return watchFd(replaceWait(std::move(*wait))->pollFd());
}

Result<void> RunWatch::armRunning(const RunState& first, const CallContext& context) {
  if (adoptProcess(first)) return {};
  // Not on this host, or over this very moment: the engine tells. It is asked again after the wait
  // stands, for only then is it sure which run is waited for.
  auto wait = engine_.openNotRunning(id_, context);
  if (!wait) return wait.error();
  auto run = engine_.inspectRun(id_, context);
  if (!run) return run.error();
  if (run->started_at) run_ = RunId{run->id, *run->started_at};
  return watchFd(replaceWait(std::move(*wait))->pollFd());
}

Result<void> RunWatch::watchFd(int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return systemError(errno, "cannot watch a container");
  return {};
}

std::shared_ptr<EngineWait> RunWatch::replaceWait(std::unique_ptr<EngineWait> wait) {
  std::shared_ptr<EngineWait> old;  // closed outside the lock
  const std::lock_guard lock(mutex_);
  old = std::exchange(wait_, std::shared_ptr<EngineWait>(std::move(wait)));
  if (wait_ && wakeup_.cancelled()) wait_->cancel();
  return wait_;
}

bool RunWatch::adoptProcess(const RunState& run) {
  if (!run.pid || !run.started_at) return false;
  auto process = Process::open(*run.pid, run.id.value, roots_);
  if (!process || !watchFd((*process)->fd())) return false;
  process_ = std::move(*process);
  oom_ = watchOom(run, roots_);
  run_ = RunId{run.id, *run.started_at};
  return true;
}

/// After a start: the process may be on this host.
void RunWatch::lookForProcess(const CallContext& context) {
  if (process_ || wait_over_) return;
  const std::optional<Start> start = started_.takeStarted();
  if (!start) return;
  if (start->process && watchFd(start->process->fd())) process_ = start->process;
  if (process_ && wait_ && !wait_->exact()) replaceWait(nullptr);
  oom_ = start->oom;
  run_ = start->run;
  // What has been seen to be over must not be looked for: it could be the next run by now.
  if (start->seen) return;
  const auto run = engine_.inspectRun(id_, atLeastBrief(context));
  if (!run || !run->running) return;
  if (!adoptProcess(*run) && run->started_at) run_ = RunId{run->id, *run->started_at};
}

CallContext RunWatch::atLeastBrief(const CallContext& context) const {
  const TimePoint brief = CallContext::after(engine_.clock().now(), kBriefLook);
  return {.deadline = std::max(context.deadline, brief), .cancellation = context.cancellation};
}

/// The engine's answer to the wait. kUnavailable: the connection was lost, which is no exit.
Result<void> RunWatch::takeWaitReply(const CallContext& context) {
  const auto code = wait_->take(context);
  if (!code) return code.error();
  wait_over_ = true;
  wait_code_ = *code;
  return {};
}

/// In place of a wait that was lost. Nullopt: it stands, and our run goes on.
std::optional<Result<ExitStatus>> RunWatch::renewWait(const CallContext& context) {
  auto wait = engine_.openNotRunning(id_, context);
  if (!wait && wait.error().code == ErrorCode::kNotFound)
    return withoutRecord("the container was removed");
  if (!wait) return wait.error();
  // Only if our run is still the present one now is it what the wait waits for.
  const auto run = engine_.inspectRun(id_, context);
  if (!run) return run.error();
  if (auto status = recorded(*run, context)) return status;
  if (auto watched = watchFd(replaceWait(std::move(*wait))->pollFd()); !watched)
    return watched.error();
  return std::nullopt;
}

ExitStatus RunWatch::fromKernel() {
  ExitStatus status;
  if (run_) status.run = *run_;
  pollfd collected{.fd = process_->fd(), .events = 0, .revents = 0};
  ::poll(&collected, 1, kCollectMs);
  const auto wait_status = process_->waitStatus();
  // The engine learns of an OOM kill on another way than of the exit, at times after it or never.
  if (const auto kills = oom_ ? oom_->kills() : std::nullopt) status.oom_killed = *kills > 0;
  if (run_ && status.oom_killed) engine_.oomSeen(*run_, *status.oom_killed);
  if (!wait_status) return status;
  if (WIFEXITED(*wait_status)) status.exit_code = WEXITSTATUS(*wait_status);
  if (WIFSIGNALED(*wait_status)) {
    status.signal = Signal{WTERMSIG(*wait_status)};
    status.exit_code = 128 + WTERMSIG(*wait_status);
  }
  return status;
}

Result<ExitStatus> RunWatch::noticed(const CallContext& context) {
  const JoinedContext joined(context, cancelled_.get_token());
  WaitScope scope(wakeup_, context, engine_.clock());
  for (;;) {
    if (wakeup_.cancelled()) return cancelledError();
    if (exited_) return *exited_;
    if (noticed_) return *noticed_;
    // Before anything is looked at: a start that is told from here on is not lost.
    wakeup_.clear();
    lookForProcess(*joined);
    if (process_ && process_->ended()) {
      noticed_ = fromKernel();
      return *noticed_;
    }
    if (!process_) {
      if (!wait_) {
        auto answer = renewWait(atLeastBrief(*joined));
        if (answer && !exited_) wakeup_.signal();  // pollFd has nothing else to wait for
        if (answer) return *answer;
      }
      // Nothing but the engine knows, so that its word is the answer to both calls.
      const CallContext now{.deadline = engine_.clock().now(), .cancellation = {}};
      auto reply = wait_over_ ? Result<void>() : takeWaitReply(now);
      if (reply) return engineWord(atLeastBrief(*joined));
      if (reply.error().code != ErrorCode::kDeadlineExceeded) return reply.error();
    }
    if (auto ended = scope.check(); !ended) return ended.error();
    pollfd polled[2] = {
        {.fd = process_ ? process_->fd() : wait_->pollFd(), .events = POLLIN, .revents = 0},
        {.fd = wakeup_.fd(), .events = POLLIN, .revents = 0}};
    ::poll(polled, 2, scope.pollTimeout());
  }
}

Result<ExitStatus> RunWatch::exited(const CallContext& context) {
  if (wakeup_.cancelled()) return cancelledError();
  if (exited_) return *exited_;
  const JoinedContext joined(context, cancelled_.get_token());
  if (!noticed_) {
    auto known = noticed(context);
    if (exited_) return *exited_;
    const bool ask = known || (run_ && known.error().code == ErrorCode::kUnavailable);
    if (!ask) return known;
  }
  if (wait_ && !wait_over_) {
    // The wait from before the start tells exactly this run's exit.
    auto reply = takeWaitReply(*joined);
    if (!reply) {
      if (reply.error().code == ErrorCode::kUnavailable) replaceWait(nullptr);
      if (!run_ || reply.error().code != ErrorCode::kUnavailable) return reply.error();
    }
  }
  return engineWord(*joined);
}

/// Returns when the engine has recorded the end of the run.
Result<ExitStatus> RunWatch::engineWord(const CallContext& context) {
  for (;;) {
    auto run = engine_.inspectRun(id_, context);
    if (!run && run.error().code == ErrorCode::kNotFound)
      return withoutRecord("the container was removed");
    if (!run) return run.error();
    if (auto status = recorded(*run, context)) return *status;
    // Not recorded yet. The wait must stand before the next look: else it might wait for a run
    // that began in between.
    auto wait = engine_.openNotRunning(id_, context);
    if (!wait && wait.error().code != ErrorCode::kNotFound) return wait.error();
    if (!wait) continue;
    run = engine_.inspectRun(id_, context);
    if (run) {
      if (auto status = recorded(*run, context)) return *status;
    }
    if (auto over = (*wait)->take(context); !over) return over.error();
  }
}

/// Nullopt: the engine still shows our run as running.
std::optional<Result<ExitStatus>> RunWatch::recorded(const RunState& run,
                                                     const CallContext& context) {
  const bool same_run = run_ ? run.started_at == run_->started_at : !run.running;
  if (same_run && run.running) return std::nullopt;
  if (!same_run && !run_ && wait_code_)  // over, and started again before anybody looked
    return remember({.run = {run.id, {}}, .exit_code = wait_code_, .finished_at = run.finished_at});
  if (!same_run && run_ && !wait_code_ && !(noticed_ && noticed_->exit_code))
    wait_code_ = engine_.pastExitCode(*run_, context);
  if (!same_run) return withoutRecord("the container was started again");
  if (!run.started_at) return withoutRecord("the container never ran");
  ExitStatus status = noticed_.value_or(ExitStatus{});
  status.run = {run.id, *run.started_at};
  if (wait_code_ || run.exit_code) status.exit_code = wait_code_ ? wait_code_ : run.exit_code;
  if (!status.exit_code) status.exit_code = engine_.pastExitCode(status.run, context);
  if (run.oom_killed && !status.oom_killed.value_or(false)) status.oom_killed = run.oom_killed;
  status.finished_at = run.finished_at;
  return remember(std::move(status));
}

Result<ExitStatus> RunWatch::withoutRecord(std::string why) {
  if (noticed_ && noticed_->exit_code) return remember(*noticed_);
  if (run_ && wait_code_) return remember({.run = *run_, .exit_code = wait_code_});
  Error error = overButUnknown(std::move(why));
  exited_ = Result<ExitStatus>(error);
  wakeup_.signal();
  return error;
}

Result<ExitStatus> RunWatch::remember(ExitStatus status) {
  noticed_ = status;
  exited_ = Result<ExitStatus>(status);
  wakeup_.signal();  // pollFd stays readable from now on
  return status;
}

void RunWatch::cancel() noexcept {
  wakeup_.cancel();
  cancelled_.request_stop();
  const std::lock_guard lock(mutex_);
  if (wait_) wait_->cancel();
}

}  // namespace

Result<std::unique_ptr<ExitWatch>> watchExit(RunSource& engine, StartNotices& notices,
                                             const ContainerId& id, const HostRoots& roots,
                                             const CallContext& context) {
  auto watch = std::make_unique<RunWatch>(engine, notices, id.value, roots);
  if (auto armed = watch->arm(context); !armed) return armed.error();
  return std::unique_ptr<ExitWatch>(std::move(watch));
}

}  // namespace control::engine

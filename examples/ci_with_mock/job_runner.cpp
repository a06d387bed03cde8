#include "job_runner.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace nightly {

using control::CallContext;
using control::ContainerId;
using control::Error;
using control::ErrorCode;
using control::ExitStatus;
using control::Result;
using control::TimePoint;

namespace {

/// Trying again may help: it was the engine that was away, or had no room.
bool mayPass(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kDeadlineExceeded ||
         error.code == ErrorCode::kResourceExhausted;
}

std::string inWords(const ExitStatus& exit) {
  if (exit.oom_killed.value_or(false)) return "it ran out of memory";
  if (exit.signal) return exit.signal->name() + " ended it";
  if (exit.exit_code) return "exit code " + std::to_string(*exit.exit_code);
  return "how it ended is not known";
}

}  // namespace

JobRunner::JobRunner(control::ContainerRuntime& engine, Notify notify)
    : engine_(engine), notify_(std::move(notify)) {}

Outcome JobRunner::run(const Job& job) {
  for (int tries = 1;; ++tries) {
    switch (attempt(job)) {
      case Attempt::kDone:
        return Outcome::kDone;
      case Attempt::kOverran:
        return Outcome::kOverran;
      case Attempt::kLost:
        return Outcome::kLost;
      case Attempt::kRefused:
        return Outcome::kFailed;
      case Attempt::kFailed:
        break;
    }
    if (tries >= job.attempts) {
      notify_("giving up after " + std::to_string(tries) + " attempts");
      return Outcome::kFailed;
    }
    pause(job.pause);
  }
}

JobRunner::Attempt JobRunner::attempt(const Job& job) {
  // What an earlier night left behind, or an attempt whose answer was lost on the way. Nothing
  // being there is an outcome too, not an error.
  const auto removed = engine_.remove({job.container.name}, {.force = true}, soon());
  const auto running = removed ? engine_.run(job.container, soon()) : removed.error();
  if (!running) {
    notify_("cannot start: " + running.error().message);
    return mayPass(running.error()) ? Attempt::kFailed : Attempt::kRefused;
  }
  notify_("started");
  const auto exit = waitForEnd(job, running->id);
  if (exit) return judge(*exit);
  if (exit.error().code == ErrorCode::kDeadlineExceeded) return overran(job, running->id);
  notify_("lost sight of it: " + exit.error().message);
  return Attempt::kLost;
}

JobRunner::Attempt JobRunner::judge(const ExitStatus& exit) {
  if (exit.exit_code == 0) {
    notify_("done");
    return Attempt::kDone;
  }
  notify_("failed: " + inWords(exit));
  return Attempt::kFailed;
}

JobRunner::Attempt JobRunner::overran(const Job& job, const ContainerId& id) {
  notify_("its window is over, stopping it");
  // SIGTERM, the grace period, SIGKILL. The call itself may take as long as that needs.
  const auto stop = engine_.stop(id, {.timeout = job.grace}, {});
  if (!stop) {
    notify_("cannot stop it: " + stop.error().message);
    return Attempt::kLost;
  }
  notify_(stop->outcome == control::StopOutcome::kKilled ? "it did not heed SIGTERM and was killed"
                                                         : "it ended");
  return Attempt::kOverran;
}

Result<ExitStatus> JobRunner::waitForEnd(const Job& job, const ContainerId& id) {
  const CallContext window = CallContext::within(job.window, engine_.clock());
  for (;;) {
    // By id, so it is this very run, whatever happened since; one that is over already is told too.
    auto exit = engine_.wait(id, window);
    if (exit || exit.error().code != ErrorCode::kUnavailable) return exit;
    // A lost connection is no exit: the container goes on without us.
    notify_("the engine is away");
    if (!engineComesBack(job)) return exit;
    notify_("the engine is back");
  }
}

bool JobRunner::engineComesBack(const Job& job) {
  const TimePoint end = CallContext::after(engine_.clock().now(), job.patience);
  do {
    pause(std::chrono::seconds(5));
    if (engine_.info(soon())) return true;
  } while (engine_.clock().now() < end);
  return false;
}

void JobRunner::pause(control::Duration length) {
  // On the engine's clock: in a test this takes no time.
  const TimePoint end = CallContext::after(engine_.clock().now(), length);
  std::mutex mutex;
  std::condition_variable nobody;
  std::unique_lock lock(mutex);
  while (engine_.clock().waitUntil(lock, nobody, end)) {
  }
}

CallContext JobRunner::soon() const {
  return CallContext::within(std::chrono::minutes(1), engine_.clock());
}

}  // namespace nightly

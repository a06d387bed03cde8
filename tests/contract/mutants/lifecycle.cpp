// Bugs of calls that change containers and tell how they are.

#include <algorithm>
#include <csignal>
#include <mutex>
#include <set>

#include "contract/mutants/decorator.h"
#include "contract/mutants/mutants.h"

namespace control::conform {
namespace {

/// As an engine whose stop takes no signal: whatever is asked for, TERM is sent.
class StopIgnoresSignal final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<SignalOutcome> signal(const ContainerId& id, Signal signal,
                               const CallContext& context) override {
    if (signal.number == SIGUSR1 || signal.number == SIGUSR2) signal = Signal::term();
    return inner().signal(id, signal, context);
  }
};

/// A watch that changes what becomes of a wait.
template <class Wait>
class WatchMutant : public WatchDecorator {
 public:
  WatchMutant(std::unique_ptr<ExitWatch> inner, Wait wait)
      : WatchDecorator(std::move(inner)), wait_(std::move(wait)) {}
  Result<ExitStatus> noticed(const CallContext& context) override {
    return wait_([this](const CallContext& c) { return WatchDecorator::noticed(c); }, context);
  }
  Result<ExitStatus> exited(const CallContext& context) override {
    return wait_([this](const CallContext& c) { return WatchDecorator::exited(c); }, context);
  }

 private:
  Wait wait_;
};

template <class Wait>
Result<std::unique_ptr<ExitWatch>> spoil(Result<std::unique_ptr<ExitWatch>> watch, Wait wait) {
  if (!watch) return watch;
  return std::unique_ptr<ExitWatch>(
      std::make_unique<WatchMutant<Wait>>(std::move(*watch), std::move(wait)));
}

/// As an engine whose grace period is a number of whole seconds: what is beyond them is cut off.
class StopTruncatesToSeconds final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return spoil(inner().watchExit(id, context), [this, id](auto wait, const CallContext& asked) {
      if (asked.deadline == TimePoint::max()) return wait(asked);
      CallContext cut = asked;
      cut.deadline =
          clock().now() + std::chrono::floor<std::chrono::seconds>(asked.deadline - clock().now());
      auto exit = wait(cut);
      if (exit || !exit.error().is(ErrorCode::kDeadlineExceeded)) return exit;
      (void)inner().signal(id, Signal::kill(), {});
      return wait(asked);
    });
  }
};

class StopKillsOnCancel final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return spoil(inner().watchExit(id, context), [this, id](auto wait, const CallContext& asked) {
      auto exit = wait(asked);
      if (!exit && exit.error().is(ErrorCode::kCancelled))
        (void)inner().signal(id, Signal::kill(), {});
      return exit;
    });
  }
};

class ExitZeroOnCancel final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return spoil(inner().watchExit(id, context),
                 [id](auto wait, const CallContext& asked) -> Result<ExitStatus> {
                   auto exit = wait(asked);
                   if (exit || !exit.error().is(ErrorCode::kCancelled)) return exit;
                   return ExitStatus{.run = {.container = id}, .exit_code = 0};
                 });
  }
};

/// Keeps how a container's first run ended and tells it of every run.
class ExitFromPreviousRun final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return spoil(inner().watchExit(id, context),
                 [this, id](auto wait, const CallContext& asked) -> Result<ExitStatus> {
                   auto exit = wait(asked);
                   if (!exit) return exit;
                   const std::lock_guard lock(mutex_);
                   return first_.emplace(id, *exit).first->second;
                 });
  }

 private:
  std::mutex mutex_;
  std::map<ContainerId, ExitStatus> first_;  ///< guarded by mutex_
};

void guessOom(std::optional<ExitStatus>& exit) {
  if (exit && exit->exit_code == 137) exit->oom_killed = true;
}

class OomFrom137 final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    auto info = inner().inspect(id, context);
    if (info) guessOom(info->exit);
    return info;
  }
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return spoil(inner().watchExit(id, context),
                 [](auto wait, const CallContext& asked) -> Result<ExitStatus> {
                   auto exit = wait(asked);
                   if (!exit) return exit;
                   std::optional<ExitStatus> status = *exit;
                   guessOom(status);
                   return *status;
                 });
  }
};

/// Knows only containers that run and containers that are dead.
class InspectExitedIsUnknown final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    auto info = inner().inspect(id, context);
    if (info && info->state == ContainerState::kExited) info->state = ContainerState::kUnknown;
    return info;
  }
};

/// As seen from inside.
class PidIsAlways1 final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    auto info = inner().inspect(id, context);
    if (info && info->pid) info->pid = 1;
    return info;
  }
};

/// As an engine whose records have an exit code of 0 before there is one.
class ExitWhileRunning final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    auto info = inner().inspect(id, context);
    if (info && info->running()) info->exit = ExitStatus{.exit_code = 0};
    return info;
  }
};

/// Asks for the removal and does not wait for it: it is done with the next call.
class RemoveReturnsEarly final : public Decorator {
 public:
  using Decorator::Decorator;
  ~RemoveReturnsEarly() override { catchUp(); }
  Result<CreatedContainer> create(const ContainerSpec& spec, const CallContext& context) override {
    auto created = inner().create(spec, context);
    catchUp();
    return created;
  }
  Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options,
                               const CallContext& context) override {
    catchUp();
    const auto info = inner().inspect(id, context);
    if (!info || (info->running() && !options.force)) return inner().remove(id, options, context);
    const std::lock_guard lock(mutex_);
    pending_.insert(id);
    return RemoveOutcome::kRemoved;
  }
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    catchUp();
    return inner().inspect(id, context);
  }
  Result<std::vector<ContainerSummary>> list(const ListFilter& filter,
                                             const CallContext& context) override {
    catchUp();
    return inner().list(filter, context);
  }

 private:
  void catchUp() {
    const std::lock_guard lock(mutex_);
    for (const ContainerId& id : pending_) (void)inner().remove(id, {.force = true}, {});
    pending_.clear();
  }

  std::mutex mutex_;
  std::set<ContainerId> pending_;  ///< guarded by mutex_
};

class ListFailsOnUnknownState final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::vector<ContainerSummary>> list(const ListFilter& filter,
                                             const CallContext& context) override {
    auto rows = inner().list(filter, context);
    if (!rows) return rows;
    for (const ContainerSummary& row : *rows)
      if (row.state == ContainerState::kUnknown)
        return Error{.message = "unknown state '" + row.raw_state + "'"};
    return rows;
  }
};

/// One call at a time.
class HangHoldsGlobalLock final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    const std::lock_guard lock(mutex_);
    return inner().inspect(id, context);
  }
  Result<std::vector<ContainerSummary>> list(const ListFilter& filter,
                                             const CallContext& context) override {
    const std::lock_guard lock(mutex_);
    return inner().list(filter, context);
  }

 private:
  std::mutex mutex_;
};

/// Keeps why a start failed by what the container was called, and looks for it by the id.
class StartFailureKeptByName final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<StartOutcome> start(const ContainerId& id, const CallContext& context) override {
    auto started = inner().start(id, context);
    const auto info = inner().inspect(id, context);
    const std::lock_guard lock(mutex_);
    if (!started && info) reasons_[id.value] = info->error;
    if (started) reasons_.erase(id.value);
    return started;
  }
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    auto info = inner().inspect(id, context);
    if (!info) return info;
    const std::lock_guard lock(mutex_);
    const auto reason = reasons_.find(info->id.value);
    info->error = reason == reasons_.end() ? "" : reason->second;
    return info;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> reasons_;  ///< guarded by mutex_
};

/// Knows names where containers are made and looked at only.
class RemoveKnowsNoNames final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options,
                               const CallContext& context) override {
    if (const auto info = inner().inspect(id, context); info && info->id != id)
      return RemoveOutcome::kAbsent;
    return inner().remove(id, options, context);
  }
};

class ExitTellsNoSignal final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return spoil(inner().watchExit(id, context), [](auto wait, const CallContext& asked) {
      auto exit = wait(asked);
      if (exit) exit->signal.reset();
      return exit;
    });
  }
};

template <class AnyResult>
AnyResult denied(AnyResult answer) {
  if (!answer) answer.error().effect = Effect::kNone;
  return answer;
}

/// Takes what was not answered for not done.
class LostAnswersDidNothing final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<StartOutcome> start(const ContainerId& id, const CallContext& context) override {
    return denied(inner().start(id, context));
  }
  Result<SignalOutcome> signal(const ContainerId& id, Signal signal,
                               const CallContext& context) override {
    return denied(inner().signal(id, signal, context));
  }
  Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options,
                               const CallContext& context) override {
    return denied(inner().remove(id, options, context));
  }
  Result<void> update(const ContainerId& id, const ResourceLimits& limits,
                      const CallContext& context) override {
    return denied(inner().update(id, limits, context));
  }
};

class DuplicateCreateReplaces final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<CreatedContainer> create(const ContainerSpec& spec, const CallContext& context) override {
    auto created = inner().create(spec, context);
    if (created || !created.error().is(ErrorCode::kAlreadyExists)) return created;
    (void)inner().remove({spec.name}, {.force = true}, context);
    return inner().create(spec, context);
  }
};

/// Takes its containers with it.
class DestroyRemovesContainers final : public Decorator {
 public:
  using Decorator::Decorator;
  ~DestroyRemovesContainers() override {
    for (const ContainerId& id : made_) (void)inner().remove(id, {.force = true}, {});
  }
  Result<CreatedContainer> create(const ContainerSpec& spec, const CallContext& context) override {
    auto created = inner().create(spec, context);
    const std::lock_guard lock(mutex_);
    if (created) made_.push_back(created->id);
    return created;
  }

 private:
  std::mutex mutex_;
  std::vector<ContainerId> made_;  ///< guarded by mutex_
};

}  // namespace

void addLifecycleMutants(std::map<std::string_view, MakeMutant>& all) {
  all.emplace("stop_ignores_signal", makes<StopIgnoresSignal>());
  all.emplace("stop_truncates_to_seconds", makes<StopTruncatesToSeconds>());
  all.emplace("stop_kills_on_cancel", makes<StopKillsOnCancel>());
  all.emplace("exit_zero_on_cancel", makes<ExitZeroOnCancel>());
  all.emplace("exit_from_previous_run", makes<ExitFromPreviousRun>());
  all.emplace("oom_from_137", makes<OomFrom137>());
  all.emplace("inspect_exited_is_unknown", makes<InspectExitedIsUnknown>());
  all.emplace("pid_is_always_1", makes<PidIsAlways1>());
  all.emplace("exit_while_running", makes<ExitWhileRunning>());
  all.emplace("remove_returns_early", makes<RemoveReturnsEarly>());
  all.emplace("list_fails_on_unknown_state", makes<ListFailsOnUnknownState>());
  all.emplace("hang_holds_global_lock", makes<HangHoldsGlobalLock>());
  all.emplace("duplicate_create_replaces", makes<DuplicateCreateReplaces>());
  all.emplace("start_failure_kept_by_name", makes<StartFailureKeptByName>());
  all.emplace("exit_tells_no_signal", makes<ExitTellsNoSignal>());
  all.emplace("lost_answers_did_nothing", makes<LostAnswersDidNothing>());
  all.emplace("remove_knows_no_names", makes<RemoveKnowsNoNames>());
  all.emplace("destroy_removes_containers", makes<DestroyRemovesContainers>());
}

}  // namespace control::conform

// What happens to an engine and its containers without a call of a runtime.

#include <utility>

#include "mock/mock_engine.h"
#include "mock/mock_engine_action.h"
#include "mock/mock_error.h"

namespace control::mock {

using testing::EngineAction;
using Kind = EngineAction::Kind;

Result<void> Engine::perform(const EngineAction& action) {
  if (!needsContainer(action.kind)) return performOnEngine(action);
  const auto found = find({action.container});
  if (!found) return found.error();
  return performOn(**found, action);
}

Result<void> Engine::performOnEngine(const EngineAction& action) {
  switch (action.kind) {
    case Kind::kEngineDown:
    case Kind::kEngineUp:
      setDown(action.kind == Kind::kEngineDown);
      return {};
    case Kind::kEngineRestart:
      setDown(true);
      for (const auto& [id, container] : containers_) {
        if (action.kill_containers && container->alive()) kill(*container);
        if (container->over) recordExit(*container);
      }
      setDown(false);
      return {};
    case Kind::kLoseEvents:
      events_.lose(action.count, action.tell_gap);
      return {};
    case Kind::kCreate: {
      const auto created = create(*action.spec);
      if (!created) return created.error();
      return {};
    }
    default:
      images_.setPresent(action.text, action.kind == Kind::kAddImage);
      return {};
  }
}

Result<void> Engine::performOn(Container& container, const EngineAction& action) {
  switch (action.kind) {
    case Kind::kStart: {
      const auto started = start(container.id);
      if (!started) return started.error();
      return {};
    }
    case Kind::kRemove:
      return removeFor(container);
    case Kind::kRename:
      return rename(container, action.text);
    case Kind::kInventState:
      container.invented_state = action.text;
      return {};
    case Kind::kInventEvent:
      publish(EventType::kUnknown, action.text, container);
      return {};
    case Kind::kHang:
    case Kind::kRelease:
      container.hung = action.kind == Kind::kHang;
      for (WaitPoint* point : container.points) point->notify();
      return {};
    default:
      break;
  }
  if (const auto runs = findRunning(container.id); !runs) return runs.error();
  return performOnRunning(container, action);
}

Result<void> Engine::performOnRunning(Container& container, const EngineAction& action) {
  const bool paused = container.state == ContainerState::kPaused;
  switch (action.kind) {
    case Kind::kStop:
      return stopFor(container, action.timeout);
    case Kind::kSignal: {
      const auto sent = signal(container.id, action.signal.value_or(Signal::kill()));
      if (!sent) return sent.error();
      return {};
    }
    case Kind::kPause:
      if (paused) return failure(ErrorCode::kWrongState, "the container is paused already");
      pauseRun(container);
      return {};
    case Kind::kUnpause:
      if (!paused) return failure(ErrorCode::kWrongState, "the container is not paused");
      resumeRun(container);
      return {};
    case Kind::kCrash:
      if (action.signal)
        container.run->end({.exit_code = 128 + action.signal->number, .signal = action.signal});
      else
        container.run->end({.exit_code = action.exit_code});
      return {};
    case Kind::kOom:
      if (!action.child_only) {
        container.run->end(kOomEnd);
      } else {
        container.run->killedChild();
        noteOom(container);
      }
      return {};
    case Kind::kPrint:
      output(container, action.to_stderr ? OutputSource::kStderr : OutputSource::kStdout,
             action.text);
      return {};
    case Kind::kSetStats:
      container.run->setStats(action.stats);
      return {};
    default:
      return Error::invalid("there is no such action");
  }
}

/// Another client's stop: the signal, and after the timeout SIGKILL.
Result<void> Engine::stopFor(Container& container, std::optional<Duration> timeout) {
  constexpr Duration kDefaultTimeout = std::chrono::seconds(10);
  const Duration patience = timeout.value_or(container.spec.stop_timeout.value_or(kDefaultTimeout));
  container.stop_asked = true;
  if (profile_.shows_stopping && container.state == ContainerState::kRunning)
    setState(container, ContainerState::kStopping);
  if (patience > Duration::zero()) {
    const auto sent = signal(container.id, container.spec.stop_signal.value_or(Signal::term()));
    if (!sent) return sent.error();
  }
  if (!container.alive()) return {};
  timers_->cancel(container.stop_timer);
  if (patience <= Duration::zero()) {
    kill(container);
    return {};
  }
  container.stop_timer =
      timers_->at(CallContext::after(clock_->now(), patience), [this, &container] {
        container.stop_timer = 0;
        (void)signal(container.id, Signal::kill());
      });
  return {};
}

/// Another client's remove by force.
Result<void> Engine::removeFor(Container& container) {
  if (container.state == ContainerState::kRemoving) return {};
  if (container.alive()) kill(container);
  if (container.over) recordExit(container);
  if (profile_.remove_delay == Duration::zero()) {
    unlink(container);
    return {};
  }
  setState(container, ContainerState::kRemoving);
  timers_->cancel(container.record_timer);
  container.record_timer = timers_->at(clock_->now() + profile_.remove_delay, [this, &container] {
    container.record_timer = 0;
    unlink(container);
  });
  return {};
}

Result<void> Engine::rename(Container& container, const std::string& name) {
  if (names_.contains(name))
    return failure(ErrorCode::kAlreadyExists, "the name '" + name + "' is taken");
  names_.erase(container.spec.name);
  names_.emplace(name, container.id.value);
  container.spec.name = name;
  publish(EventType::kRenamed, "rename", container);
  return {};
}

void Engine::loseConnections() {
  for (WaitPoint* point : points_) {
    point->onLost();
    point->notify();
  }
}

void Engine::setDown(bool down) {
  if (std::exchange(down_, down) == down || !down) return;
  loseConnections();
}

void Engine::reset() {
  down_ = false;
  loseConnections();
  timeline_.clear();
  rules_ = Rules(seed_);
  events_.clear();
  while (!containers_.empty()) {
    Container& container = *containers_.begin()->second;
    container.hung = false;
    if (container.alive()) kill(container);
    if (container.over) recordExit(container);
    unlink(container);
  }
  images_.clear();
  journal_.clear();
  random_ = Random(seed_);
  ports_ = {};
  created_ = 0;
  last_pid_ = 0;
  began_ = clock_->now();
  // It could be begun before, and so it can again.
  if (scenario_) (void)begin(scenario_);
}

}  // namespace control::mock

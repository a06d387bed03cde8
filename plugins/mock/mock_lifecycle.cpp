// The life of a container: its runs, their ends, its removal.

#include <algorithm>
#include <utility>

#include "mock/mock_engine.h"
#include "mock/mock_error.h"
#include "mock/mock_spec.h"

namespace control::mock {
namespace {

// Above what any Linux gives out (4194304): nobody signals a real process by mistake.
constexpr int kFirstPid = 5'000'000;

}  // namespace

void Engine::setState(Container& container, ContainerState state, std::string_view raw) {
  container.state = state;
  container.raw_state = raw.empty() ? toString(state) : raw;
}

Result<StartOutcome> Engine::start(const ContainerId& id) {
  auto found = find(id);
  if (!found) return found.error();
  Container& container = **found;
  if (container.state == ContainerState::kRunning) return StartOutcome::kAlreadyRunning;
  if (container.running() || container.state == ContainerState::kRemoving)
    return failure(ErrorCode::kWrongState,
                   "the container is " + std::string(toString(container.state)));
  if (auto prepared = prepareStart(container); !prepared) {
    container.error = prepared.error().message;
    return prepared.error();
  }
  beginRun(container);
  return StartOutcome::kStarted;
}

Result<void> Engine::prepareStart(Container& container) {
  if (!container.behaviour.start_error.empty())
    return failure(ErrorCode::kStartFailed, container.behaviour.start_error);
  if (container.program.kind == Program::Kind::kMissing && !container.behaviour.replaces_command)
    return failure(ErrorCode::kStartFailed, "exec: \"" + commandLine(container.spec).front() +
                                                "\": no such file in the container");
  auto ports = ports_.bind(container.spec.ports, portsInUse());
  if (!ports) return ports.error();
  container.bound_ports = std::move(*ports);
  return {};
}

std::vector<PortMapping> Engine::portsInUse() const {
  std::vector<PortMapping> ports;
  for (const auto& [id, container] : containers_)
    ports.insert(ports.end(), container->bound_ports.begin(), container->bound_ports.end());
  return ports;
}

void Engine::beginRun(Container& container) {
  // Two runs never begin at the same moment: that is what tells them apart.
  last_start_ = std::max(clock_->wallNow(), last_start_ + Duration(1));
  // Tidying up after the run before is over with.
  timers_->cancel(std::exchange(container.record_timer, 0));
  container.run_id = {.container = container.id, .started_at = last_start_};
  container.pid = kFirstPid + ++last_pid_;
  if (container.exit) container.finished_at = container.exit->finished_at;
  container.exit.reset();
  container.oom = false;
  container.stop_asked = false;
  container.error.clear();
  setState(container, ContainerState::kRunning);
  if (!profile_.init_word.empty()) publish(EventType::kUnknown, profile_.init_word, container);
  publish(EventType::kStarted, "start", container);
  container.run = std::make_unique<Run>(container, *timers_, *clock_, *container.owner);
  Run& run = *container.run;
  const std::string early = std::exchange(container.early_input, {});
  run.start();
  if (!early.empty()) run.input(early);
  if (std::exchange(container.early_end, false)) run.closeInput();
}

void Engine::noteOom(Container& container) {
  container.oom = true;
  if (profile_.oom_event) publish(EventType::kOom, "oom", container);
}

std::optional<bool> Engine::oomKilled(const Container& container) const {
  return container.oom || profile_.denies_oom ? std::optional(container.oom) : std::nullopt;
}

/// The process is gone. Whoever watches it may notice; the engine has yet to record it.
void Engine::finishRun(Container& container, const ProcessEnd& end) {
  timers_->cancel(std::exchange(container.stop_timer, 0));
  if (end.oom) noteOom(container);
  container.over =
      ExitStatus{.run = container.run_id,
                 .exit_code = end.exit_code,
                 .signal = end.signal,
                 .finished_at = std::max(clock_->wallNow(), container.run_id.started_at)};
  container.over->oom_killed = oomKilled(container);
  for (WaitPoint* point : container.points) {
    point->onRunOver(*container.over);
    point->notify();
  }
  if (profile_.record_delay == Duration::zero()) return recordExit(container);
  container.record_timer = timers_->at(clock_->now() + profile_.record_delay,
                                       [this, &container] { recordExit(container); });
}

void Engine::recordExit(Container& container) {
  timers_->cancel(std::exchange(container.record_timer, 0));
  container.bound_ports.clear();
  container.exit = std::exchange(container.over, std::nullopt);
  const bool tidies_up = profile_.cleanup_delay > Duration::zero();
  setState(container, ContainerState::kExited, tidies_up ? "stopped" : "");
  publish(EventType::kExited, profile_.exited_word, container, container.exit->exit_code);
  if (container.stop_asked && !profile_.stopped_word.empty())
    publish(EventType::kUnknown, profile_.stopped_word, container);
  for (WaitPoint* point : container.points) {
    point->onRunEnded(*container.exit);
    point->notify();
  }
  if (!tidies_up) return;
  container.record_timer = timers_->at(clock_->now() + profile_.cleanup_delay, [this, &container] {
    container.record_timer = 0;
    setState(container, ContainerState::kExited);
    publish(EventType::kUnknown, profile_.cleanup_word, container);
  });
}

void Engine::kill(Container& container) {
  container.run->end({.exit_code = 137, .signal = Signal::kill()});
}

Result<SignalOutcome> Engine::signal(const ContainerId& id, Signal signal) {
  if (auto checked = checkSignal(signal); !checked) return checked.error();
  auto found = find(id);
  if (!found) return found.error();
  Container& container = **found;
  if (!container.alive()) return SignalOutcome::kNotRunning;
  publish(EventType::kSignalled, "kill", container, {},
          profile_.signal_in_events ? std::optional(signal) : std::nullopt);
  const auto& stop_signal = container.spec.stop_signal;
  if (container.state == ContainerState::kPaused && profile_.signal_wakes_paused &&
      (!stop_signal || *stop_signal == signal))
    resumeRun(container);
  container.run->signal(signal);
  return SignalOutcome::kDelivered;
}

void Engine::pauseRun(Container& container) {
  container.run->pause();
  setState(container, ContainerState::kPaused);
  publish(EventType::kPaused, "pause", container);
}

void Engine::resumeRun(Container& container) {
  setState(container, ContainerState::kRunning);
  publish(EventType::kUnpaused, "unpause", container);
  container.run->resume();
}

Result<RemoveOutcome> Engine::remove(const ContainerId& id, const RemoveOptions& options) {
  auto found = find(id);
  if (!found) return RemoveOutcome::kAbsent;
  Container& container = **found;
  if (container.running() && !options.force)
    return failure(ErrorCode::kWrongState, "the container runs: stop it first, or use force");
  if (container.alive()) kill(container);
  if (container.over) recordExit(container);
  unlink(container);
  return RemoveOutcome::kRemoved;
}

void Engine::unlink(Container& container) {
  timers_->cancel(std::exchange(container.record_timer, 0));
  const ContainerPtr kept = containers_.find(container.id.value)->second;
  container.removed = true;
  containers_.erase(container.id.value);
  names_.erase(container.spec.name);
  publish(EventType::kRemoved, profile_.removed_word, container);
  for (WaitPoint* point : container.points) {
    point->onRemoved();
    point->notify();
  }
}

}  // namespace control::mock

#include "mock/mock_engine.h"

#include <algorithm>
#include <utility>

#include "mock/mock_error.h"
#include "mock/mock_event_queue.h"
#include "mock/mock_spec.h"

namespace control::mock {
namespace {

// Above what any Linux gives out (4194304): nobody signals a real process by mistake.
constexpr int kFirstPid = 5'000'000;
constexpr std::size_t kInputLimit = 65536;

}  // namespace

/// Tells the engine what a container's run does.
class Engine::RunOwner final : public Run::Owner {
 public:
  RunOwner(Engine& engine, Container& container) : engine_(engine), container_(container) {}

  void printed(OutputSource source, std::string_view bytes) override {
    engine_.output(container_, source, bytes);
  }
  void ended(const ProcessEnd& end) override { engine_.finishRun(container_, end); }

 private:
  Engine& engine_;
  Container& container_;
};

Engine::Engine(std::shared_ptr<Clock> clock, std::uint64_t seed)
    : clock_(clock), seed_(seed), timers_(std::make_shared<Timers>(clock)), random_(seed) {}

Engine::~Engine() { timers_->stop(); }

// ---- Containers ----

Result<ContainerPtr> Engine::find(const ContainerId& id) const {
  auto found = containers_.find(id.value);
  if (found == containers_.end()) {
    if (const auto name = names_.find(id.value); name != names_.end())
      found = containers_.find(name->second);
  }
  if (found == containers_.end())
    return failure(ErrorCode::kNotFound, "no such container: " + id.value);
  return found->second;
}

Result<ContainerPtr> Engine::findRunning(const ContainerId& id) const {
  auto found = find(id);
  if (found && !(*found)->running())
    return failure(ErrorCode::kWrongState,
                   "the container does not run: it is " + std::string(toString((*found)->state)));
  return found;
}

Result<CreatedContainer> Engine::create(const ContainerSpec& spec) {
  if (auto checked = checkSpec(spec); !checked) return checked.error();
  auto behaviour = parseLabels(spec.labels);
  if (!behaviour) return behaviour.error();
  if (const auto taken = names_.find(spec.name); taken != names_.end())
    return failure(
        ErrorCode::kAlreadyExists,
        "the name '" + spec.name + "' is taken by container " + taken->second.substr(0, 12));
  if (!images_.present(spec.image))
    return failure(ErrorCode::kImageNotFound, "no such image: " + spec.image);
  auto container = std::make_shared<Container>();
  container->id.value = random_.id();
  container->spec = spec;
  container->number = ++created_;
  if (spec.name.empty()) container->spec.name = "mock_" + std::to_string(container->number);
  container->behaviour = std::move(*behaviour);
  container->program = parseCommand(commandLine(spec));
  container->created_at = clock_->wallNow();
  container->owner = std::make_unique<RunOwner>(*this, *container);
  names_.emplace(container->spec.name, container->id.value);
  containers_.emplace(container->id.value, container);
  publish(EventType::kCreated, "create", *container);
  return CreatedContainer{.id = container->id};
}

Result<StartOutcome> Engine::start(const ContainerId& id) {
  auto found = find(id);
  if (!found) return found.error();
  Container& container = **found;
  if (container.state == ContainerState::kRunning) return StartOutcome::kAlreadyRunning;
  if (container.state == ContainerState::kPaused)
    return failure(ErrorCode::kWrongState, "the container is paused");
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
  container.run_id = {.container = container.id, .started_at = last_start_};
  container.pid = kFirstPid + ++last_pid_;
  container.state = ContainerState::kRunning;
  container.exit.reset();
  container.oom = false;
  container.error.clear();
  publish(EventType::kStarted, "start", container);
  container.run = std::make_unique<Run>(container, *timers_, *clock_, *container.owner);
  Run& run = *container.run;
  const std::string early = std::exchange(container.early_input, {});
  run.start();
  if (!early.empty()) run.input(early);
  if (std::exchange(container.early_end, false)) run.closeInput();
}

void Engine::finishRun(Container& container, const ProcessEnd& end) {
  if (end.oom) {
    container.oom = true;
    publish(EventType::kOom, "oom", container);
  }
  container.state = ContainerState::kExited;
  container.bound_ports.clear();
  container.exit =
      ExitStatus{.run = container.run_id,
                 .exit_code = end.exit_code,
                 .signal = end.signal,
                 .oom_killed = end.oom,
                 .finished_at = std::max(clock_->wallNow(), container.run_id.started_at)};
  publish(EventType::kExited, "die", container, end.exit_code);
  for (WaitPoint* point : container.points) {
    point->onRunEnded(*container.exit);
    point->notify();
  }
}

void Engine::killRun(Container& container) {
  container.run->end({.exit_code = 137, .signal = Signal::kill()});
}

Result<SignalOutcome> Engine::signal(const ContainerId& id, Signal signal) {
  if (signal.number < 1 || signal.number > 64)
    return invalid("signal " + std::to_string(signal.number) + " is not one: use 1 to 64");
  auto found = find(id);
  if (!found) return found.error();
  Container& container = **found;
  if (!container.running()) return SignalOutcome::kNotRunning;
  publish(EventType::kSignalled, "kill", container, {}, signal);
  container.run->signal(signal);
  return SignalOutcome::kDelivered;
}

Result<RemoveOutcome> Engine::remove(const ContainerId& id, const RemoveOptions& options) {
  auto found = find(id);
  if (!found) return RemoveOutcome::kAbsent;
  if ((*found)->running()) {
    if (!options.force)
      return failure(ErrorCode::kWrongState, "the container runs: stop it first, or use force");
    killRun(**found);
  }
  unlink(*found);
  return RemoveOutcome::kRemoved;
}

void Engine::unlink(const ContainerPtr& container) {
  container->removed = true;
  containers_.erase(container->id.value);
  names_.erase(container->spec.name);
  publish(EventType::kRemoved, "destroy", *container);
  for (WaitPoint* point : container->points) {
    point->onRemoved();
    point->notify();
  }
}

Result<ContainerInfo> Engine::inspect(const ContainerId& id) const {
  const auto found = find(id);
  if (!found) return found.error();
  const Container& container = **found;
  ContainerInfo info{.id = container.id, .spec = container.spec};
  if (container.running()) {
    info.spec.ports = container.bound_ports;
    info.pid = container.pid;
  }
  info.image_id = imageId(container.spec.image);
  info.state = container.state;
  info.raw_state = toString(container.state);
  info.error = container.error;
  info.created_at = container.created_at;
  if (container.everRan()) {
    info.started_at = container.run_id.started_at;
    info.oom_killed = container.oom;
  }
  if (container.exit) info.finished_at = container.exit->finished_at;
  info.exit = container.exit;
  return info;
}

std::vector<ContainerSummary> Engine::list(const ListFilter& filter) const {
  std::vector<const Container*> matching;
  for (const auto& [id, container] : containers_) {
    const bool state_matches =
        filter.states.empty() || std::find(filter.states.begin(), filter.states.end(),
                                           container->state) != filter.states.end();
    if (state_matches && labelsMatch(filter.labels, container->spec.labels))
      matching.push_back(container.get());
  }
  std::sort(matching.begin(), matching.end(),
            [](const Container* a, const Container* b) { return a->number < b->number; });
  std::vector<ContainerSummary> rows;
  rows.reserve(matching.size());
  for (const Container* one : matching)
    rows.push_back({.id = one->id,
                    .name = one->spec.name,
                    .image = one->spec.image,
                    .state = one->state,
                    .raw_state = std::string(toString(one->state)),
                    .created_at = one->created_at,
                    .labels = one->spec.labels});
  return rows;
}

Result<StatsSample> Engine::stats(const ContainerId& id) {
  const auto found = findRunning(id);
  if (!found) return found.error();
  return (*found)->run->sample();
}

Result<void> Engine::update(const ContainerId& id, const ResourceLimits& limits) {
  auto found = find(id);
  if (!found) return found.error();
  Container& container = **found;
  const ResourceLimits merged = mergedLimits(container.spec.limits, limits);
  if (auto checked = checkLimits(merged); !checked) return checked;
  if (container.running()) container.run->account();
  container.spec.limits = merged;
  publish(EventType::kUpdated, "update", container);
  return {};
}

// ---- Output and input ----

void Engine::output(Container& container, OutputSource source, std::string_view bytes) {
  std::string text(bytes);
  if (container.spec.tty) {
    // A terminal has one stream, and turns a line's end into two characters.
    source = OutputSource::kConsole;
    text.clear();
    for (const char c : bytes) {
      if (c == '\n') text += '\r';
      text += c;
    }
  }
  const WallTime at = clock_->wallNow();
  for (WaitPoint* point : container.points) {
    point->onOutput(source, text, at);
    point->notify();
  }
  container.log.put(source, text, at);
}

void Engine::putInput(Container& container, std::string_view bytes) {
  if (container.spec.tty) output(container, OutputSource::kConsole, bytes);
  if (container.running())
    container.run->input(bytes);
  else
    container.early_input.append(
        bytes.substr(0, kInputLimit - std::min(kInputLimit, container.early_input.size())));
}

void Engine::endInput(Container& container) {
  if (container.running())
    container.run->closeInput();
  else
    container.early_end = true;
}

// ---- Who is told ----

void Engine::attachPoint(WaitPoint& point, Container* container) {
  points_.insert(&point);
  if (container != nullptr) container->points.push_back(&point);
}

void Engine::detachPoint(WaitPoint& point, Container* container) noexcept {
  points_.erase(&point);
  if (container != nullptr) std::erase(container->points, &point);
}

void Engine::publish(EventType type, const char* raw, const Container& container,
                     std::optional<int> exit_code, std::optional<Signal> signal) {
  if (subscribers_.empty()) return;
  const Event event{.type = type,
                    .raw_type = raw,
                    .container = container.id,
                    .name = container.spec.name,
                    .labels = container.spec.labels,
                    .exit_code = exit_code,
                    .signal = signal,
                    .at = clock_->wallNow()};
  for (EventQueue* queue : subscribers_) queue->offer(event);
}

}  // namespace control::mock

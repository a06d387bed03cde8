#include "mock/mock_engine.h"

#include <algorithm>
#include <utility>

#include "mock/mock_error.h"
#include "mock/mock_spec.h"

namespace control::mock {
namespace {

constexpr std::size_t kInputLimit = 65536;

Duration roundedUp(Duration duration, Duration unit) {
  return (duration + unit - Duration(1)) / unit * unit;
}

std::optional<Health> healthOf(const Container& container, WallTime now) {
  const auto& after = container.behaviour.healthy_after;
  if (!after) return std::nullopt;
  Health health{.state = Health::State::kStarting, .raw_state = "starting", .checked = true};
  if (now - container.run_id.started_at < *after) return health;
  health.state = Health::State::kHealthy;
  health.raw_state = "healthy";
  return health;
}

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

Engine::Engine(std::shared_ptr<Clock> clock, std::uint64_t seed, const Profile& profile)
    : clock_(clock),
      seed_(seed),
      profile_(profile),
      timers_(std::make_shared<Timers>(clock)),
      images_(profile.image_id_has_algorithm),
      rules_(seed),
      timeline_(*timers_, [this](const testing::EngineAction& action) { return perform(action); }),
      random_(seed),
      began_(clock->now()) {}

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
  if (found && (*found)->over) return failure(ErrorCode::kWrongState, "the process has ended");
  if (found && !(*found)->running())
    return failure(ErrorCode::kWrongState,
                   "the container does not run: it is " + std::string(toString((*found)->state)));
  return found;
}

/// What the engine and the image add to a specification.
void Engine::completeSpec(ContainerSpec& spec) const {
  if (spec.stop_timeout)
    spec.stop_timeout = roundedUp(*spec.stop_timeout, profile_.stop_timeout_unit);
  if (!spec.stop_signal) spec.stop_signal = images_.stopSignal(spec.image);
  if (!spec.limits.pids) spec.limits.pids = profile_.default_pids_limit;
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
  completeSpec(container->spec);
  container->behaviour = std::move(*behaviour);
  if (spec.log_limit_bytes) container->log.keep(static_cast<std::size_t>(*spec.log_limit_bytes));
  container->program = parseCommand(commandLine(spec), surroundingsOf(*container));
  container->created_at = clock_->wallNow();
  container->owner = std::make_unique<RunOwner>(*this, *container);
  names_.emplace(container->spec.name, container->id.value);
  containers_.emplace(container->id.value, container);
  publish(EventType::kCreated, "create", *container);
  return CreatedContainer{.id = container->id};
}

Result<ContainerInfo> Engine::inspect(const ContainerId& id) const {
  const auto found = find(id);
  if (!found) return found.error();
  const Container& container = **found;
  ContainerInfo info{.id = container.id, .spec = container.spec};
  if (container.running()) info.spec.ports = container.bound_ports;
  if (container.alive()) info.pid = container.pid;
  info.image_id = images_.idOf(container.spec.image);
  info.state = container.shownState();
  info.raw_state = container.shownRawState();
  info.error = container.error;
  info.created_at = container.created_at;
  if (container.everRan()) {
    info.started_at = container.run_id.started_at;
    info.oom_killed = oomKilled(container);
  }
  info.finished_at = container.exit ? container.exit->finished_at : container.finished_at;
  if (container.running()) info.health = healthOf(container, clock_->wallNow());
  info.exit = container.exit;
  return info;
}

std::vector<ContainerSummary> Engine::list(const ListFilter& filter) const {
  std::vector<const Container*> matching;
  for (const auto& [id, container] : containers_) {
    const bool state_matches =
        filter.states.empty() || std::find(filter.states.begin(), filter.states.end(),
                                           container->shownState()) != filter.states.end();
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
                    .state = one->shownState(),
                    .raw_state = std::string(one->shownRawState()),
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
  if (profile_.update_needs_run && !container.running())
    return failure(ErrorCode::kWrongState,
                   "the limits of a running container only can be changed; start it first");
  if (container.alive()) container.run->account();
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
  if (container.alive())
    container.run->input(bytes);
  else
    container.early_input.append(
        bytes.substr(0, kInputLimit - std::min(kInputLimit, container.early_input.size())));
}

void Engine::endInput(Container& container) {
  if (container.alive())
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

void Engine::publish(EventType type, std::string_view raw, const Container& container,
                     std::optional<int> exit_code, std::optional<Signal> signal) {
  if (down_ || !events_.heard()) return;
  const Event event{.type = type,
                    .raw_type = std::string(raw),
                    .container = container.id,
                    .name = container.spec.name,
                    .labels = container.spec.labels,
                    .exit_code = exit_code,
                    .signal = signal,
                    .at = clock_->wallNow()};
  events_.publish(event, rules_);
}

}  // namespace control::mock

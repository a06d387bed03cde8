#include "mock/mock_engine.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mock/mock_streams.h"

namespace control::mock {
namespace {

// Above what any Linux gives out (4194304): nobody signals a real process by mistake.
constexpr int kFirstPid = 5'000'000;
constexpr std::uint16_t kFirstFreePort = 49153;
constexpr std::size_t kLogLimit = 1 << 20;
constexpr std::size_t kInputLimit = 65536;
constexpr std::int64_t kLeastMemory = 6 << 20;

Error error(ErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message)};
}

std::uint64_t mix(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::string hex(std::uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) text[i] = kDigits[value & 15];
  return text;
}

bool isContainerName(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return name.size() >= 2 && plain(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

bool isReference(std::string_view reference) {
  return !reference.empty() && std::all_of(reference.begin(), reference.end(),
                                           [](char c) { return c > ' ' && c < 0x7f; });
}

Result<void> checkLimits(const ResourceLimits& limits) {
  if (limits.memory_bytes && *limits.memory_bytes < kLeastMemory)
    return error(ErrorCode::kInvalidArgument, "the memory limit is at least 6 MiB");
  if (limits.memory_bytes && limits.memory_swap_bytes && *limits.memory_swap_bytes >= 0 &&
      *limits.memory_swap_bytes < *limits.memory_bytes)
    return error(ErrorCode::kInvalidArgument,
                 "memory plus swap cannot be less than the memory limit");
  if (limits.nano_cpus && *limits.nano_cpus <= 0)
    return error(ErrorCode::kInvalidArgument, "the CPU limit is more than 0");
  if (limits.io_weight && (*limits.io_weight < 10 || *limits.io_weight > 1000))
    return error(ErrorCode::kInvalidArgument, "the I/O weight is from 10 to 1000");
  return {};
}

Result<void> checkMounts(const std::vector<Mount>& mounts) {
  for (const Mount& mount : mounts) {
    if (!mount.target.starts_with('/'))
      return error(ErrorCode::kInvalidArgument,
                   "mount target '" + mount.target + "' is not an absolute path");
    if (mount.type == Mount::Type::kBind && !mount.source.starts_with('/'))
      return error(ErrorCode::kInvalidArgument,
                   "mount source '" + mount.source + "' is not an absolute path");
  }
  return {};
}

Result<void> checkSpec(const ContainerSpec& spec) {
  if (!spec.name.empty() && !isContainerName(spec.name))
    return error(ErrorCode::kInvalidArgument,
                 "container name '" + spec.name + "': use letters, digits, '_', '.' and '-'");
  if (!isReference(spec.image))
    return error(ErrorCode::kInvalidArgument, "image '" + spec.image + "' is not a reference");
  if (!spec.engine_options.empty())
    return error(ErrorCode::kInvalidArgument, "unknown engine option '" +
                                                  spec.engine_options.begin()->first +
                                                  "': the mock engine takes none");
  if (spec.stop_timeout && *spec.stop_timeout < Duration::zero())
    return error(ErrorCode::kInvalidArgument, "a stop timeout is 0 or more");
  for (const auto& [key, value] : spec.environment)
    if (key.empty() || key.find('=') != std::string::npos)
      return error(ErrorCode::kInvalidArgument, "environment name '" + key + "' is not one");
  for (const PortMapping& port : spec.ports)
    if (port.container_port == 0)
      return error(ErrorCode::kInvalidArgument, "a container port is from 1 to 65535");
  if (auto checked = checkMounts(spec.mounts); !checked) return checked;
  return checkLimits(spec.limits);
}

bool addressesOverlap(const std::string& a, const std::string& b) {
  const auto any = [](const std::string& ip) {
    return ip.empty() || ip == "0.0.0.0" || ip == "::";
  };
  return a == b || any(a) || any(b);
}

std::vector<std::string> commandLine(const ContainerSpec& spec) {
  std::vector<std::string> argv = spec.entrypoint;
  argv.insert(argv.end(), spec.command.begin(), spec.command.end());
  return argv;
}

/// The part of a rate that `elapsed` makes.
Duration share(Duration elapsed, double cores) {
  return Duration(std::llround(static_cast<double>(elapsed.count()) * cores));
}

}  // namespace

bool hasPart(std::string_view reference, std::string_view word) {
  reference = reference.substr(0, reference.find('@'));
  while (!reference.empty()) {
    const std::size_t end = std::min(reference.find('/'), reference.size());
    std::string_view part = reference.substr(0, end);
    reference.remove_prefix(std::min(end + 1, reference.size()));
    if (reference.empty()) part = part.substr(0, part.find(':'));
    if (part == word) return true;
  }
  return false;
}

bool labelsMatch(const std::map<std::string, std::string>& wanted,
                 const std::map<std::string, std::string>& labels) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& want) {
    const auto found = labels.find(want.first);
    return found != labels.end() && (want.second.empty() || want.second == found->second);
  });
}

/// A run's process in its container.
class Engine::RunHost final : public Process::Host {
 public:
  RunHost(Engine& engine, Container& container) : engine_(engine), container_(container) {}

  TimePoint now() const override { return engine_.clock().now(); }
  void print(OutputSource source, std::string_view bytes) override {
    engine_.output(container_, source, bytes);
  }
  void setTimer(Process::Timer timer, TimePoint at) override {
    engine_.setTimer(container_, timer, at);
  }
  void clearTimer(Process::Timer timer) override { engine_.clearTimer(container_, timer); }
  void ended(const ProcessEnd& end) override { engine_.finishRun(container_, end); }

 private:
  Engine& engine_;
  Container& container_;
};

Engine::Engine(std::shared_ptr<Clock> clock, std::uint64_t seed)
    : clock_(clock), seed_(seed), timers_(std::make_shared<Timers>(clock)), random_(seed) {}

Engine::~Engine() { timers_->stop(); }

// ---- Containers ----

std::string Engine::newId() {
  return hex(mix(random_)) + hex(mix(random_)) + hex(mix(random_)) + hex(mix(random_));
}

Result<ContainerPtr> Engine::find(const ContainerId& id) const {
  auto found = containers_.find(id.value);
  if (found == containers_.end()) {
    if (const auto name = names_.find(id.value); name != names_.end())
      found = containers_.find(name->second);
  }
  if (found == containers_.end())
    return error(ErrorCode::kNotFound, "no such container: " + id.value);
  return found->second;
}

Result<ContainerPtr> Engine::findRunning(const ContainerId& id) const {
  auto found = find(id);
  if (found && !(*found)->running())
    return error(ErrorCode::kWrongState,
                 "the container does not run: it is " + std::string(toString((*found)->state)));
  return found;
}

Result<CreatedContainer> Engine::create(const ContainerSpec& spec) {
  if (auto checked = checkSpec(spec); !checked) return checked.error();
  auto behaviour = parseLabels(spec.labels);
  if (!behaviour) return behaviour.error();
  const std::lock_guard lock(mutex());
  if (names_.contains(spec.name))
    return error(ErrorCode::kAlreadyExists, "the name '" + spec.name + "' is taken by container " +
                                                names_.find(spec.name)->second.substr(0, 12));
  if (!imagePresent(spec.image))
    return error(ErrorCode::kImageNotFound, "no such image: " + spec.image);
  auto container = std::make_shared<Container>();
  container->id.value = newId();
  container->spec = spec;
  container->number = ++created_;
  if (spec.name.empty()) container->spec.name = "mock_" + std::to_string(container->number);
  container->behaviour = std::move(*behaviour);
  container->program = parseCommand(commandLine(spec));
  container->created_at = clock_->wallNow();
  names_.emplace(container->spec.name, container->id.value);
  containers_.emplace(container->id.value, container);
  publish(EventType::kCreated, "create", *container);
  return CreatedContainer{.id = container->id};
}

Result<StartOutcome> Engine::start(const ContainerId& id) {
  const std::lock_guard lock(mutex());
  auto found = find(id);
  if (!found) return found.error();
  Container& container = **found;
  if (container.state == ContainerState::kRunning) return StartOutcome::kAlreadyRunning;
  if (container.state == ContainerState::kPaused)
    return error(ErrorCode::kWrongState, "the container is paused");
  if (auto prepared = prepareStart(container); !prepared) {
    container.error = prepared.error().message;
    return prepared.error();
  }
  beginRun(*found);
  return StartOutcome::kStarted;
}

Result<void> Engine::prepareStart(Container& container) {
  const auto argv = commandLine(container.spec);
  if (!container.behaviour.start_error.empty())
    return error(ErrorCode::kStartFailed, container.behaviour.start_error);
  if (container.program.kind == Program::Kind::kMissing && !container.behaviour.replaces_command)
    return error(ErrorCode::kStartFailed,
                 "exec: \"" + argv.front() + "\": no such file in the container");
  auto ports = bindPorts(container);
  if (!ports) return ports.error();
  container.bound_ports = std::move(*ports);
  return {};
}

bool Engine::portTaken(const PortMapping& port) const {
  for (const auto& [id, container] : containers_) {
    if (!container->running()) continue;
    for (const PortMapping& bound : container->bound_ports)
      if (bound.host_port == port.host_port && bound.protocol == port.protocol &&
          addressesOverlap(bound.host_ip, port.host_ip))
        return true;
  }
  return false;
}

Result<std::vector<PortMapping>> Engine::bindPorts(const Container& container) const {
  std::vector<PortMapping> bound;
  std::uint16_t free = last_port_;
  const auto mine = [&](const PortMapping& port) {
    return std::any_of(bound.begin(), bound.end(), [&](const PortMapping& one) {
      return one.host_port == port.host_port && one.protocol == port.protocol &&
             addressesOverlap(one.host_ip, port.host_ip);
    });
  };
  for (PortMapping port : container.spec.ports) {
    if (port.host_port != 0) {
      if (portTaken(port) || mine(port))
        return error(ErrorCode::kPortConflict,
                     "host port " + std::to_string(port.host_port) + " is taken");
      bound.push_back(port);
      continue;
    }
    for (int tries = 0; port.host_port == 0 || portTaken(port) || mine(port); ++tries) {
      if (tries > 65535 - kFirstFreePort)
        return error(ErrorCode::kResourceExhausted, "no host port is free");
      free = free < kFirstFreePort || free == 65535 ? kFirstFreePort
                                                    : static_cast<std::uint16_t>(free + 1);
      port.host_port = free;
    }
    bound.push_back(port);
  }
  return bound;
}

void Engine::beginRun(const ContainerPtr& pointer) {
  Container& container = *pointer;
  if (!container.bound_ports.empty()) last_port_ = container.bound_ports.back().host_port;
  // Two runs never begin at the same moment: that is what tells them apart.
  last_start_ = std::max(clock_->wallNow(), last_start_ + Duration(1));
  ++container.runs;
  container.run = {.container = container.id, .started_at = last_start_};
  container.run_began = clock_->now();
  container.accounted_at = container.run_began;
  container.cpu_used = container.cpu_throttled = container.active_time = Duration::zero();
  container.pid = kFirstPid + ++last_pid_;
  container.state = ContainerState::kRunning;
  container.exit.reset();
  container.oom = false;
  container.error.clear();
  publish(EventType::kStarted, "start", container);
  container.host = std::make_unique<RunHost>(*this, container);
  container.process = std::make_unique<Process>(
      container.program, container.behaviour,
      Process::Options{.init = container.spec.init, .input_open = container.spec.open_stdin},
      *container.host);
  Process& process = *container.process;
  const std::string early = std::exchange(container.early_input, {});
  process.start();
  if (!early.empty()) process.input(early);
  if (std::exchange(container.early_end, false)) process.closeInput();
}

void Engine::finishRun(Container& container, const ProcessEnd& end) {
  account(container);
  if (end.oom) {
    container.oom = true;
    publish(EventType::kOom, "oom", container);
  }
  container.state = ContainerState::kExited;
  container.bound_ports.clear();
  container.paused_signals.clear();
  container.paused_timers.clear();
  container.exit = ExitStatus{.run = container.run,
                              .exit_code = end.exit_code,
                              .signal = end.signal,
                              .oom_killed = end.oom,
                              .finished_at = std::max(clock_->wallNow(), container.run.started_at)};
  publish(EventType::kExited, "die", container, end.exit_code);
  for (WaitPoint* point : container.points) {
    point->onRunEnded(*container.exit);
    point->notify();
  }
}

void Engine::killRun(Container& container) {
  container.process->end({.exit_code = 137, .signal = Signal::kill()});
}

Result<SignalOutcome> Engine::signal(const ContainerId& id, Signal signal) {
  if (signal.number < 1 || signal.number > 64)
    return error(ErrorCode::kInvalidArgument,
                 "signal " + std::to_string(signal.number) + " is not one: use 1 to 64");
  const std::lock_guard lock(mutex());
  auto found = find(id);
  if (!found) return found.error();
  Container& container = **found;
  if (!container.running()) return SignalOutcome::kNotRunning;
  publish(EventType::kSignalled, "kill", container, {}, signal);
  account(container);
  if (container.state == ContainerState::kPaused && signal != Signal::kill())
    container.paused_signals.push_back(signal);
  else
    container.process->signal(signal);
  return SignalOutcome::kDelivered;
}

Result<RemoveOutcome> Engine::remove(const ContainerId& id, const RemoveOptions& options) {
  const std::lock_guard lock(mutex());
  auto found = find(id);
  if (!found) return RemoveOutcome::kAbsent;
  if ((*found)->running()) {
    if (!options.force)
      return error(ErrorCode::kWrongState, "the container runs: stop it first, or use force");
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

ContainerInfo Engine::describe(const Container& container) const {
  ContainerInfo info{.id = container.id, .spec = container.spec};
  if (container.running()) {
    info.spec.ports = container.bound_ports;
    info.pid = container.pid;
  }
  std::uint64_t image = std::hash<std::string>()(container.spec.image);
  info.image_id = "sha256:" + hex(mix(image)) + hex(mix(image)) + hex(mix(image)) + hex(mix(image));
  info.state = container.state;
  info.raw_state = toString(container.state);
  info.error = container.error;
  info.created_at = container.created_at;
  if (container.runs > 0) {
    info.started_at = container.run.started_at;
    info.oom_killed = container.oom;
  }
  if (container.exit) info.finished_at = container.exit->finished_at;
  info.exit = container.exit;
  return info;
}

Result<ContainerInfo> Engine::inspect(const ContainerId& id) const {
  const std::lock_guard lock(mutex());
  const auto found = find(id);
  if (!found) return found.error();
  return describe(**found);
}

std::vector<ContainerSummary> Engine::list(const ListFilter& filter) const {
  const std::lock_guard lock(mutex());
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

Result<void> Engine::update(const ContainerId& id, const ResourceLimits& limits) {
  const std::lock_guard lock(mutex());
  auto found = find(id);
  if (!found) return found.error();
  ResourceLimits merged = (*found)->spec.limits;
  if (limits.memory_bytes) merged.memory_bytes = limits.memory_bytes;
  if (limits.memory_swap_bytes) merged.memory_swap_bytes = limits.memory_swap_bytes;
  if (limits.nano_cpus) merged.nano_cpus = limits.nano_cpus;
  if (limits.pids) merged.pids = limits.pids;
  if (limits.io_weight) merged.io_weight = limits.io_weight;
  if (auto checked = checkLimits(merged); !checked) return checked;
  account(**found);
  (*found)->spec.limits = merged;
  publish(EventType::kUpdated, "update", **found);
  return {};
}

// ---- Time and output of a run ----

void Engine::setTimer(Container& container, Process::Timer timer, TimePoint at) {
  const auto slot = static_cast<std::size_t>(timer);
  clearTimer(container, timer);
  container.timer_moments[slot] = at;
  const std::uint64_t run = container.runs;
  container.timers[slot] = timers_->at(at, [this, id = container.id.value, run, timer, slot] {
    const auto found = containers_.find(id);
    if (found == containers_.end() || found->second->runs != run) return;
    const ContainerPtr due = found->second;
    due->timers[slot] = 0;
    due->timer_moments[slot].reset();
    account(*due);
    due->process->timer(timer);
  });
}

void Engine::clearTimer(Container& container, Process::Timer timer) {
  const auto slot = static_cast<std::size_t>(timer);
  timers_->cancel(std::exchange(container.timers[slot], 0));
  container.timer_moments[slot].reset();
}

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
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    container.log.push_back({source, std::string(rest.substr(0, end)), at});
    container.log_bytes += end;
    rest.remove_prefix(end);
  }
  while (container.log_bytes > kLogLimit && container.log.size() > 1) {
    container.log_bytes -= container.log.front().bytes.size();
    container.log.pop_front();
    container.log_cut = true;
  }
}

void Engine::putInput(Container& container, std::string_view bytes) {
  if (container.spec.tty) output(container, OutputSource::kConsole, bytes);
  if (container.running())
    container.process->input(bytes);
  else
    container.early_input.append(
        bytes.substr(0, kInputLimit - std::min(kInputLimit, container.early_input.size())));
}

void Engine::endInput(Container& container) {
  if (container.running())
    container.process->closeInput();
  else
    container.early_end = true;
}

/// Adds up what was used since the last time, at the rate that held until now.
void Engine::account(Container& container) {
  const TimePoint now = clock_->now();
  const Duration elapsed = now - std::exchange(container.accounted_at, now);
  if (container.state != ContainerState::kRunning) return;
  container.active_time += elapsed;
  const double wanted = container.process && container.process->busy()
                            ? std::max(1.0, container.behaviour.cpu_percent / 100)
                            : container.behaviour.cpu_percent / 100;
  const auto& limit = container.spec.limits.nano_cpus;
  const double given = limit ? std::min(wanted, static_cast<double>(*limit) / 1e9) : wanted;
  container.cpu_used += share(elapsed, given);
  container.cpu_throttled += share(elapsed, wanted - given);
}

Result<StatsSample> Engine::stats(const ContainerId& id) {
  constexpr std::uint64_t kPageCache = 4 << 20;
  const std::lock_guard lock(mutex());
  const auto found = findRunning(id);
  if (!found) return found.error();
  Container& container = **found;
  account(container);
  const auto milliseconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(container.active_time).count());
  StatsSample sample{.run = container.run, .taken_at = clock_->now()};
  sample.cpu_time = container.cpu_used;
  sample.cpu_throttled = container.cpu_throttled;
  sample.memory_working_set_bytes = container.behaviour.memory_bytes;
  sample.memory_usage_bytes = container.behaviour.memory_bytes + kPageCache;
  const ResourceLimits& limits = container.spec.limits;
  if (limits.memory_bytes) {
    sample.memory_limit_bytes = static_cast<std::uint64_t>(*limits.memory_bytes);
    sample.memory_usage_bytes = std::min(*sample.memory_usage_bytes, *sample.memory_limit_bytes);
    sample.memory_working_set_bytes =
        std::min(*sample.memory_working_set_bytes, *sample.memory_limit_bytes);
  }
  sample.oom_kills = 0;
  sample.pids = 1;
  if (limits.pids && *limits.pids > 0) sample.pids_limit = static_cast<std::uint64_t>(*limits.pids);
  if (container.spec.network != NetworkMode::kHost) {
    const bool connected = container.spec.network == NetworkMode::kDefault;
    sample.network_rx_bytes = connected ? 1024 + milliseconds : 0;
    sample.network_tx_bytes = connected ? 512 + milliseconds / 2 : 0;
  }
  sample.block_read_bytes = 1 << 20;
  sample.block_write_bytes = milliseconds * 4;
  return sample;
}

// ---- Images ----

bool Engine::imagePresent(const std::string& reference) const {
  if (const auto found = images_.find(reference); found != images_.end()) return found->second;
  return !hasPart(reference, "missing") && !hasPart(reference, "private") &&
         reference.find("pullable") == std::string::npos;
}

Result<ImageInfo> Engine::findImage(const std::string& reference) const {
  if (!isReference(reference))
    return error(ErrorCode::kInvalidArgument, "image '" + reference + "' is not a reference");
  const std::lock_guard lock(mutex());
  if (!imagePresent(reference))
    return error(ErrorCode::kImageNotFound, "no such image: " + reference);
  std::uint64_t seed = std::hash<std::string>()(reference);
  ImageInfo image{.references = {reference}, .size_bytes = 50 << 20};
  image.id = "sha256:" + hex(mix(seed)) + hex(mix(seed)) + hex(mix(seed)) + hex(mix(seed));
  return image;
}

Result<void> Engine::checkPull(const std::string& reference, const PullOptions& options) const {
  if (hasPart(reference, "missing"))
    return error(ErrorCode::kImageNotFound, "the registry has no image " + reference);
  const bool wrong = options.credentials && options.credentials->password == "wrong";
  if (wrong || (hasPart(reference, "private") &&
                (!options.credentials || options.credentials->password.empty())))
    return error(ErrorCode::kPermissionDenied, "the registry refuses the credentials");
  return {};
}

void Engine::addImage(const std::string& reference) {
  const std::lock_guard lock(mutex());
  images_.insert_or_assign(reference, true);
}

void Engine::removeImage(const std::string& reference) {
  const std::lock_guard lock(mutex());
  images_.insert_or_assign(reference, false);
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

// ---- What a test does ----

Result<void> Engine::endRun(const ContainerId& id, const ProcessEnd& end) {
  const std::lock_guard lock(mutex());
  const auto found = findRunning(id);
  if (!found) return found.error();
  (*found)->process->end(end);
  return {};
}

Result<void> Engine::pause(const ContainerId& id) {
  const std::lock_guard lock(mutex());
  const auto found = findRunning(id);
  if (!found) return found.error();
  if ((*found)->state == ContainerState::kPaused)
    return error(ErrorCode::kWrongState, "the container is paused already");
  suspend(**found);
  return {};
}

/// Stops the process's time: what is left of each timer is kept.
void Engine::suspend(Container& container) {
  account(container);
  container.paused_timers.assign(Process::kTimers, Duration::min());
  for (std::size_t i = 0; i < Process::kTimers; ++i) {
    if (!container.timer_moments[i]) continue;
    container.paused_timers[i] = *container.timer_moments[i] - clock_->now();
    clearTimer(container, static_cast<Process::Timer>(i));
  }
  container.state = ContainerState::kPaused;
  publish(EventType::kPaused, "pause", container);
}

void Engine::resume(Container& container) {
  account(container);
  container.state = ContainerState::kRunning;
  publish(EventType::kUnpaused, "unpause", container);
  const auto left = std::exchange(container.paused_timers, {});
  for (std::size_t i = 0; i < left.size(); ++i)
    if (left[i] != Duration::min())
      setTimer(container, static_cast<Process::Timer>(i),
               CallContext::after(clock_->now(), left[i]));
  for (const Signal signal : std::exchange(container.paused_signals, {}))
    container.process->signal(signal);
}

Result<void> Engine::unpause(const ContainerId& id) {
  const std::lock_guard lock(mutex());
  const auto found = findRunning(id);
  if (!found) return found.error();
  if ((*found)->state != ContainerState::kPaused)
    return error(ErrorCode::kWrongState, "the container is not paused");
  resume(**found);
  return {};
}

Result<void> Engine::print(const ContainerId& id, std::string_view bytes) {
  const std::lock_guard lock(mutex());
  const auto found = findRunning(id);
  if (!found) return found.error();
  output(**found, OutputSource::kStdout, bytes);
  return {};
}

Result<void> Engine::setHung(const ContainerId& id, bool hung) {
  const std::lock_guard lock(mutex());
  const auto found = find(id);
  if (!found) return found.error();
  (*found)->hung = hung;
  for (WaitPoint* point : (*found)->points) point->notify();
  return {};
}

void Engine::loseConnections() {
  for (WaitPoint* point : points_) {
    point->onLost();
    point->notify();
  }
}

void Engine::setDown(bool down) {
  const std::lock_guard lock(mutex());
  if (std::exchange(down_, down) == down || !down) return;
  loseConnections();
}

void Engine::reset() {
  const std::lock_guard lock(mutex());
  down_ = false;
  loseConnections();
  while (!containers_.empty()) {
    const ContainerPtr container = containers_.begin()->second;
    container->hung = false;
    if (container->running()) killRun(*container);
    unlink(container);
  }
  images_.clear();
  faults_.clear();
  journal_.clear();
  random_ = seed_;
  created_ = 0;
  last_pid_ = 0;
  last_port_ = 0;
}

// ---- The course of a call ----

void Engine::failNext(testing::Primitive primitive, Error failure, int times) {
  const std::lock_guard lock(mutex());
  if (times > 0) faults_.push_back({primitive, std::move(failure), times});
}

std::optional<Error> Engine::fault(testing::Primitive primitive) {
  const std::lock_guard lock(mutex());
  if (down_) return error(ErrorCode::kUnavailable, "the mock engine is down");
  const auto found = std::find_if(faults_.begin(), faults_.end(),
                                  [&](const Fault& one) { return one.primitive == primitive; });
  if (found == faults_.end()) return std::nullopt;
  Error failure = found->error;
  if (--found->times == 0) faults_.erase(found);
  return failure;
}

std::uint64_t Engine::beginCall(testing::Primitive primitive, std::string subject,
                                std::string detail) {
  const std::lock_guard lock(mutex());
  if (journal_.size() == kJournalLimit) journal_.pop_front();
  journal_.push_back({.at = clock_->now(),
                      .primitive = primitive,
                      .subject = std::move(subject),
                      .detail = std::move(detail)});
  return ++calls_;
}

void Engine::finishCall(std::uint64_t call, const std::optional<ErrorCode>& failure) {
  const std::lock_guard lock(mutex());
  // The calls that are kept end with the latest one.
  const std::uint64_t age = calls_ - call;
  if (age >= journal_.size()) return;
  auto& entry = journal_[journal_.size() - 1 - age];
  entry.finished = true;
  entry.error = failure;
}

std::vector<testing::JournalEntry> Engine::journal() const {
  const std::lock_guard lock(mutex());
  return {journal_.begin(), journal_.end()};
}

}  // namespace control::mock

#include "process_runtime.h"

#include <sys/syscall.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "specification.h"
#include "streams.h"

namespace process_engine {

using namespace control;

namespace {

Error error(ErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message)};
}

Result<void> checkContext(const CallContext& context, const Clock& clock) {
  if (context.cancellation.stop_requested()) return cancelledError();
  if (clock.now() >= context.deadline)
    return error(ErrorCode::kDeadlineExceeded, "the deadline passed");
  return {};
}

ContainerState stateOf(const Runs& runs) {
  if (runs.running()) return ContainerState::kRunning;
  return runs.all.empty() ? ContainerState::kCreated : ContainerState::kExited;
}

/// False: that process is no more.
Result<bool> sendSignal(const Run& run, int number) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, run.pid, 0)));
  // The descriptor first: the id may be another process's by now.
  const auto stat = processStat(run.pid);
  if (!process || !stat || stat->began != run.pid_began) return false;
  if (::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  return systemError(errno, "cannot signal the process");
}

}  // namespace

ProcessRuntime::ProcessRuntime(HostContext host_context, std::string endpoint,
                               std::string keeper_program, Store store,
                               std::unique_ptr<Monitor> monitor)
    : ContainerRuntime(std::move(host_context)),
      endpoint_(std::move(endpoint)),
      store_(std::move(store)),
      engine_{.keeper_program = std::move(keeper_program),
              .monitor = std::move(monitor),
              .clock = host().clock} {}

Result<Container> ProcessRuntime::find(const ContainerId& id, const CallContext& context) const {
  if (auto checked = checkContext(context, clock()); !checked) return checked.error();
  return store_.find(id);
}

Result<RuntimeInfo> ProcessRuntime::info(const CallContext& context) {
  if (auto checked = checkContext(context, clock()); !checked) return checked.error();
  if (auto there = store_.check(); !there) return there.error();
  utsname system{};
  ::uname(&system);
  return RuntimeInfo{.engine = "process",
                     .version = CONTROL_VERSION,
                     .endpoint = endpoint_,
                     .os = "linux",
                     .architecture = system.machine,
                     .kernel_version = system.release,
                     .capabilities = {Capability::kStats, Capability::kLogs, Capability::kAttach,
                                      Capability::kExec, Capability::kEvents}};
}

// ---- Containers ----

Result<CreatedContainer> ProcessRuntime::create(const ContainerSpec& spec,
                                                const CallContext& context) {
  if (auto checked = checkContext(context, clock()); !checked) return checked.error();
  if (auto checked = checkSpec(spec); !checked) return checked.error();
  auto id = store_.create(spec);
  if (!id) return id.error();
  return CreatedContainer{.id = std::move(*id)};
}

Result<StartOutcome> ProcessRuntime::start(const ContainerId& id, const CallContext& context) {
  const auto container = find(id, context);
  if (!container) return container.error();
  if (readRuns(container->folder.get()).running()) return StartOutcome::kAlreadyRunning;
  const auto launched = launchKeeper(engine_, container->folder.get(), 0, context);
  if (!launched) return launched.error();
  const Line& word = launched->word;
  if (word[0] == "started") return StartOutcome::kStarted;
  if (word[0] == "running") return StartOutcome::kAlreadyRunning;
  if (word[0] == "gone") return error(ErrorCode::kNotFound, "no such container: " + id.value);
  return error(ErrorCode::kStartFailed, word.size() > 1 ? word[1] : word[0]);
}

Result<SignalOutcome> ProcessRuntime::signal(const ContainerId& id, Signal signal,
                                             const CallContext& context) {
  const auto container = find(id, context);
  if (!container) return container.error();
  if (signal.number < 1 || signal.number > 64)
    return error(ErrorCode::kInvalidArgument,
                 "signal " + std::to_string(signal.number) + " is not from 1 to 64");
  const Runs runs = readRuns(container->folder.get());
  if (!runs.running()) return SignalOutcome::kNotRunning;
  const auto sent = sendSignal(*runs.last(), signal.number);
  if (!sent) return sent.error();
  return *sent ? SignalOutcome::kDelivered : SignalOutcome::kNotRunning;
}

Result<std::unique_ptr<ExitWatch>> ProcessRuntime::watchExit(const ContainerId& id,
                                                             const CallContext& context) {
  auto container = find(id, context);
  if (!container) return container.error();
  return watchRun(engine_, std::move(*container));
}

Result<RemoveOutcome> ProcessRuntime::remove(const ContainerId& id, const RemoveOptions& options,
                                             const CallContext& context) {
  const auto container = find(id, context);
  if (!container && container.error().code == ErrorCode::kNotFound) return RemoveOutcome::kAbsent;
  if (!container) return container.error();
  const int folder = container->folder.get();
  Bell bell(*engine_.monitor);
  if (auto listening = bell.listen(folder); !listening) return listening.error();
  bool killed = false;
  const auto take = [&]() -> std::optional<Result<RemoveOutcome>> {
    // Whoever has the lock is the only one to change the container.
    if (const Fd lock = tryLock(folder)) {
      store_.erase(*container, lock);
      return RemoveOutcome::kRemoved;
    }
    const Runs runs = readRuns(folder);
    if (runs.gone) return RemoveOutcome::kRemoved;  // by somebody else meanwhile
    if (!runs.running()) return std::nullopt;       // its last moments, or its first
    if (!options.force)
      return error(ErrorCode::kWrongState, "the container runs; stop it or use force");
    const auto sent = sendSignal(*runs.last(), SIGKILL);
    if (!sent) return sent.error();
    killed = true;
    return std::nullopt;
  };
  auto removed = bell.waitFor<RemoveOutcome>(context, clock(), take);
  if (removed) sampler_.forget(container->definition.id);
  if (!removed && killed) removed.error().effect = Effect::kUnknown;
  return removed;
}

Result<ContainerInfo> ProcessRuntime::inspect(const ContainerId& id, const CallContext& context) {
  const auto container = find(id, context);
  if (!container) return container.error();
  const Runs runs = readRuns(container->folder.get());
  if (runs.gone) return error(ErrorCode::kNotFound, "no such container: " + id.value);
  const Definition& definition = container->definition;
  ContainerInfo info{.id = {definition.id},
                     .spec = definition.spec,
                     .image_id = kImage,
                     .state = stateOf(runs),
                     .raw_state = std::string(toString(stateOf(runs))),
                     .error = runs.failure,
                     .created_at = toWallTime(definition.created_at)};
  for (const Run& run : runs.all) {
    info.started_at = toWallTime(run.started_at);
    if (run.finished_at) info.finished_at = toWallTime(*run.finished_at);
  }
  if (runs.running()) info.pid = runs.last()->pid;
  if (info.state == ContainerState::kExited) info.exit = toExitStatus(info.id, *runs.last());
  return info;
}

Result<std::vector<ContainerSummary>> ProcessRuntime::list(const ListFilter& filter,
                                                           const CallContext& context) {
  if (auto checked = checkContext(context, clock()); !checked) return checked.error();
  const auto all = store_.all();
  if (!all) return all.error();
  std::vector<ContainerSummary> rows;
  for (const Container& one : *all) {
    if (!carries(one.definition.spec.labels, filter.labels)) continue;
    const Runs runs = readRuns(one.folder.get());
    const ContainerState state = stateOf(runs);
    const auto& states = filter.states;
    if (runs.gone ||
        (!states.empty() && std::find(states.begin(), states.end(), state) == states.end()))
      continue;
    rows.push_back({.id = {one.definition.id},
                    .name = one.definition.spec.name,
                    .image = one.definition.spec.image,
                    .state = state,
                    .raw_state = std::string(toString(state)),
                    .created_at = toWallTime(one.definition.created_at),
                    .labels = one.definition.spec.labels});
  }
  return rows;
}

std::vector<Result<StatsSample>> ProcessRuntime::stats(std::span<const ContainerId> ids,
                                                       const CallContext& context) {
  const auto all = allProcesses();
  std::vector<Result<StatsSample>> samples;
  samples.reserve(ids.size());
  for (const ContainerId& id : ids) samples.push_back(sample(id, all, context));
  return samples;
}

Result<StatsSample> ProcessRuntime::sample(const ContainerId& id,
                                           const std::vector<ProcessStat>& all,
                                           const CallContext& context) {
  const auto container = find(id, context);
  if (!container) return container.error();
  const Runs runs = readRuns(container->folder.get());
  if (runs.running())
    return sampler_.sample(container->definition.id, *runs.last(),
                           keepersOf(*container, *runs.last()), all, clock());
  sampler_.forget(container->definition.id);
  return error(ErrorCode::kWrongState, "the container does not run");
}

Result<void> ProcessRuntime::update(const ContainerId&, const ResourceLimits&, const CallContext&) {
  return error(ErrorCode::kUnsupported, "plain processes have no limits");
}

// ---- Streams ----

Result<std::unique_ptr<LogStream>> ProcessRuntime::logs(const ContainerId& id,
                                                        const LogOptions& options,
                                                        const CallContext& context) {
  auto container = find(id, context);
  if (!container) return container.error();
  if (!options.standard_output && !options.standard_error)
    return error(ErrorCode::kInvalidArgument, "neither stdout nor stderr is asked for");
  if (options.tail_lines.value_or(0) < 0)
    return error(ErrorCode::kInvalidArgument, "the number of lines must not be negative");
  return readLog(engine_, std::move(*container), options);
}

Result<std::unique_ptr<Console>> ProcessRuntime::attach(const ContainerId& id,
                                                        const AttachOptions& options,
                                                        const CallContext& context) {
  auto container = find(id, context);
  if (!container) return container.error();
  if (!options.standard_input && !options.standard_output && !options.standard_error)
    return error(ErrorCode::kInvalidArgument, "no stream is asked for");
  if (options.standard_input && !container->definition.spec.open_stdin)
    return error(ErrorCode::kUnsupported, "the container was created without open_stdin");
  return attachTo(engine_, std::move(*container), options);
}

Result<std::unique_ptr<ExecSession>> ProcessRuntime::exec(const ContainerId& id,
                                                          const ExecSpec& spec,
                                                          const CallContext& context) {
  const auto container = find(id, context);
  if (!container) return container.error();
  if (auto checked = checkExec(spec); !checked) return checked.error();
  const Runs runs = readRuns(container->folder.get());
  if (!runs.running()) return error(ErrorCode::kWrongState, "the container does not run");
  return runBeside(engine_, *container, runs.last()->keeper, spec, context);
}

Result<std::unique_ptr<EventStream>> ProcessRuntime::events(const EventFilter& filter,
                                                            const CallContext& context) {
  if (auto checked = checkContext(context, clock()); !checked) return checked.error();
  return readEvents(engine_, store_.directory(), filter);
}

// ---- Images ----

Result<std::unique_ptr<PullStream>> ProcessRuntime::pull(const std::string&, const PullOptions&,
                                                         const CallContext&) {
  return error(ErrorCode::kUnsupported, "there is nowhere to pull an image from");
}

Result<ImageInfo> ProcessRuntime::findImage(const std::string& reference,
                                            const CallContext& context) {
  if (auto checked = checkContext(context, clock()); !checked) return checked.error();
  if (reference.empty()) return error(ErrorCode::kInvalidArgument, "the image has no name");
  if (reference != kImage) return imageNotFound(reference);
  return ImageInfo{.id = kImage, .references = {kImage}};
}

void* ProcessRuntime::extension(std::string_view) noexcept { return nullptr; }

}  // namespace process_engine

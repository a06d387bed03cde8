#include "process_plugin.h"

#include <dlfcn.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <set>

#include "specification.h"
#include "streams.h"

namespace process_engine {
namespace {

/// Starts a keeper in `folder`, which has nothing of the host's but these two descriptors.
Result<void> spawnKeeper(std::string folder, int record, int report) {
  // It is beside the file that this code is in.
  Dl_info here{};
  ::dladdr(reinterpret_cast<const void*>(&descriptor), &here);
  std::string program = here.dli_fname == nullptr ? "" : here.dli_fname;
  program = program.substr(0, program.rfind('/') + 1) + "libcontrol-process-keeper";
  // Above the numbers that they become, so that none is overwritten on the way.
  const Fd its_record(::fcntl(record, F_DUPFD_CLOEXEC, 3));
  const Fd its_report(::fcntl(report, F_DUPFD_CLOEXEC, 3));
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, its_record.get(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, its_report.get(), 1);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  char* arguments[] = {program.data(), folder.data(), nullptr};
  char* environment[] = {nullptr};
  pid_t pid = 0;
  errno = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, environment);
  const auto spawned = errno == 0 ? Result<void>() : systemFailure("cannot run " + program);
  ::posix_spawn_file_actions_destroy(&actions);
  // It leaves its work to a child of its own and ends at once. The host may have waited for it.
  if (spawned) ::waitpid(pid, nullptr, 0);
  return spawned;
}

/// False: that process is no more.
Result<bool> sendSignal(const Run& run, int number) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, run.pid, 0)));
  // The descriptor first: the id may be another process's by now.
  const auto now = findProcess(run.pid);
  if (!now || now->began != run.pid_began) return false;
  if (::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  return systemFailure("cannot signal the process");
}

class ProcessRuntime final : public ContainerRuntime {
 public:
  ProcessRuntime(HostContext host, std::string endpoint, std::string directory)
      : ContainerRuntime(std::move(host)),
        endpoint_(std::move(endpoint)),
        directory_(std::move(directory)) {}

  Result<RuntimeInfo> info(const CallContext& context) override {
    if (auto checked = check(context); !checked) return checked.error();
    RuntimeInfo info{.engine = "process", .version = CONTROL_VERSION, .endpoint = endpoint_};
    info.capabilities = {Capability::kStats, Capability::kLogs, Capability::kEvents};
    return info;
  }

  Result<CreatedContainer> create(const ContainerSpec& spec, const CallContext& context) override {
    if (auto checked = check(context); !checked) return checked.error();
    if (auto checked = checkSpec(spec); !checked) return checked.error();
    std::string draft = path(".new-XXXXXX");
    if (::mkdtemp(draft.data()) == nullptr) return systemFailure("cannot create a container");
    const std::int64_t now = wallClock();
    const std::string unique = std::to_string(now) + draft.substr(draft.size() - 7);
    const std::string name = spec.name.empty() ? "process-" + unique : spec.name;
    Entry entry{.at = toWallTime(now), .id = name + '@' + unique, .spec = spec};
    entry.spec.name = name;
    for (const char* const file : {"/runs", "/stdout", "/stderr"}) append(draft + file, "");
    const Fd record(::open((draft + "/runs").c_str(), O_RDWR | O_CLOEXEC));
    // Nobody starts it before its creation is told. A folder with something in it is not replaced.
    if (append(draft + "/created", encode(entry)) && tryLock(record.get()) &&
        ::rename(draft.c_str(), path(name).c_str()) == 0) {
      tell(directory_, entry, EventType::kCreated);
      return CreatedContainer{.id = {entry.id}};
    }
    const Error failed = systemFailure("cannot create '" + name + "'");
    eraseFolder(draft);
    return failed;
  }

  Result<StartOutcome> start(const ContainerId& id, const CallContext& context) override {
    const auto container = find(id, context);
    if (!container) return container.error();
    const auto locked = lock(*container, context, [] { return std::optional(Result(false)); });
    if (!locked) return locked.error();
    if (!*locked) return StartOutcome::kAlreadyRunning;
    const std::size_t runs_before = container->runs().size();
    int report[2];
    if (::pipe2(report, O_CLOEXEC | O_NONBLOCK) != 0) return systemFailure("no pipe");
    const Fd hear(report[0]);
    auto spawned =
        spawnKeeper(path(container->entry.spec.name), container->record.get(), Fd(report[1]).get());
    if (!spawned) return spawned.error();
    const auto take = [&]() -> std::optional<Result<StartOutcome>> {
      char nothing = 0;
      if (::read(hear.get(), &nothing, 1) != 0) return std::nullopt;
      if (container->runs().size() > runs_before) return StartOutcome::kStarted;
      const std::string reason = readFile(container->file("failure"));
      return failure(ErrorCode::kStartFailed, reason.empty() ? "the keeper was killed" : reason);
    };
    auto started = waitFor<StartOutcome>(context, clock(), take);
    // The keeper goes on, whoever waits for its word.
    if (!started && started.error().code != ErrorCode::kStartFailed)
      started.error().effect = Effect::kUnknown;
    return started;
  }

  Result<SignalOutcome> signal(const ContainerId& id, Signal signal,
                               const CallContext& context) override {
    const auto container = find(id, context);
    if (!container) return container.error();
    if (signal.number < 1 || signal.number > 64)
      return failure(ErrorCode::kInvalidArgument, signal.name() + " is not from 1 to 64");
    const std::vector<Run> runs = container->runs();
    const auto sent = isRunning(runs) ? sendSignal(runs.back(), signal.number) : false;
    if (!sent) return sent.error();
    return *sent ? SignalOutcome::kDelivered : SignalOutcome::kNotRunning;
  }

  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    auto container = find(id, context);
    if (!container) return container.error();
    return std::unique_ptr<ExitWatch>(std::make_unique<RunWatch>(std::move(*container), clock()));
  }

  Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options,
                               const CallContext& context) override {
    const auto container = find(id, context);
    if (!container && container.error().code == ErrorCode::kNotFound) return RemoveOutcome::kAbsent;
    if (!container) return container.error();
    auto held = this->lock(*container, context, [&]() -> std::optional<Result<bool>> {
      if (!options.force)
        return failure(ErrorCode::kWrongState, "the container runs; stop it or use force");
      const auto sent = sendSignal(container->runs().back(), SIGKILL);
      return sent ? std::nullopt : std::optional(sent);
    });
    // By somebody else meanwhile.
    if (!held && held.error().code == ErrorCode::kNotFound) return RemoveOutcome::kRemoved;
    if (!held && options.force) held.error().effect = Effect::kUnknown;
    if (!held) return held.error();
    const std::string dead = path(".dead-" + container->entry.id);
    if (::rename(path(container->entry.spec.name).c_str(), dead.c_str()) != 0)
      return systemFailure("cannot remove the container");
    tell(directory_, container->entry, EventType::kRemoved);
    eraseFolder(dead);
    const std::lock_guard lock(mutex_);
    cpu_time_.erase(container->entry.id);
    return RemoveOutcome::kRemoved;
  }

  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    const auto container = find(id, context);
    if (!container) return container.error();
    return container->info();
  }

  Result<std::vector<ContainerSummary>> list(const ListFilter& filter,
                                             const CallContext& context) override {
    if (auto checked = check(context); !checked) return checked.error();
    std::vector<ContainerSummary> rows;
    for (const std::string& name : namesIn(directory_)) {
      const auto container = load(name);
      if (!container) continue;
      const ContainerInfo info = container->info();
      const auto& states = filter.states;
      if (carries(info.spec.labels, filter.labels) &&
          (states.empty() || std::find(states.begin(), states.end(), info.state) != states.end()))
        rows.push_back(
            {info.id, name, kImage, info.state, info.raw_state, info.created_at, info.spec.labels});
    }
    return rows;
  }

  std::vector<Result<StatsSample>> stats(std::span<const ContainerId> ids,
                                         const CallContext& context) override {
    std::vector<Result<StatsSample>> samples;
    for (const ContainerId& id : ids) samples.push_back(sample(id, context));
    return samples;
  }

  Result<std::unique_ptr<LogStream>> logs(const ContainerId& id, const LogOptions& options,
                                          const CallContext& context) override {
    auto container = find(id, context);
    if (!container) return container.error();
    if (!options.standard_output && !options.standard_error)
      return failure(ErrorCode::kInvalidArgument, "neither stdout nor stderr is asked for");
    if (options.tail_lines.value_or(0) < 0)
      return failure(ErrorCode::kInvalidArgument, "the number of lines must not be negative");
    if (options.tail_lines || options.since || options.until)
      return unsupported(
          "output is read from the beginning; leave out tail_lines, since and until");
    return std::unique_ptr<LogStream>(
        std::make_unique<Log>(std::move(*container), options, clock()));
  }

  Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                              const CallContext& context) override {
    if (auto checked = check(context); !checked) return checked.error();
    return std::unique_ptr<EventStream>(std::make_unique<Events>(path(".events"), filter, clock()));
  }

  Result<ImageInfo> findImage(const std::string& reference, const CallContext& context) override {
    if (auto checked = check(context); !checked) return checked.error();
    if (auto checked = checkImage(reference); !checked) return checked.error();
    return ImageInfo{.id = kImage, .references = {kImage}};
  }

  // What no capability of ours names.
  Result<void> update(const ContainerId&, const ResourceLimits&, const CallContext&) override {
    return unsupported("plain processes have no limits");
  }
  Result<std::unique_ptr<Console>> attach(const ContainerId&, const AttachOptions&,
                                          const CallContext&) override {
    return unsupported("a plain process has no stdin; its output is in the logs");
  }
  Result<std::unique_ptr<ExecSession>> exec(const ContainerId&, const ExecSpec&,
                                            const CallContext&) override {
    return unsupported("a plain process has no inside to run another one in");
  }
  Result<std::unique_ptr<PullStream>> pull(const std::string&, const PullOptions&,
                                           const CallContext&) override {
    return unsupported("there is nowhere to pull an image from");
  }
  void* extension(std::string_view) noexcept override { return nullptr; }

 private:
  static Error unsupported(const char* why) { return failure(ErrorCode::kUnsupported, why); }

  static void eraseFolder(const std::string& folder) {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  std::string path(const std::string& name) const { return directory_ + '/' + name; }

  Result<void> check(const CallContext& context) const {
    if (auto checked = checkContext(context, clock()); !checked) return checked;
    if (::access(directory_.c_str(), R_OK | W_OK | X_OK) == 0) return {};
    return systemFailure("the state directory " + directory_);
  }

  Result<Container> load(const std::string& name) const {
    Container container;
    if (!name.starts_with('.') && name.find('/') == name.npos)
      container.folder = Fd(::open(path(name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    container.record = Fd(::open(container.file("runs").c_str(), O_RDWR | O_CLOEXEC));
    const std::string text = readFile(container.file("created"));
    std::string_view rest = text;
    auto entry = decode(rest);
    if (!entry || container.isGone())
      return failure(ErrorCode::kNotFound, "no such container: " + name);
    container.entry = std::move(*entry);
    return container;
  }

  Result<Container> find(const ContainerId& id, const CallContext& context) const {
    if (auto checked = check(context); !checked) return checked.error();
    // An id is the name, '@' and something that no two containers share.
    const std::string name = id.value.substr(0, id.value.find('@'));
    auto container = load(name);
    if (container && name != id.value && container->entry.id != id.value)
      return failure(ErrorCode::kNotFound, "no such container: " + id.value);
    return container;
  }

  /// Takes the lock of a container, so that nobody else starts or removes it. While it runs its
  /// keeper has the lock: `running` says what then, if anything.
  template <class Running>
  Result<bool> lock(const Container& container, const CallContext& context, Running running) {
    return waitFor<bool>(context, clock(), [&]() -> std::optional<Result<bool>> {
      // In this order: what is locked and there stays there.
      const bool locked = tryLock(container.record.get());
      if (container.isGone()) return failure(ErrorCode::kNotFound, "it was removed");
      if (locked) return true;
      if (isRunning(container.runs())) return running();
      return std::nullopt;  // its last moments, or its first
    });
  }

  Result<StatsSample> sample(const ContainerId& id, const CallContext& context) {
    const auto container = find(id, context);
    if (!container) return container.error();
    const std::vector<Run> runs = container->runs();
    if (!isRunning(runs)) return failure(ErrorCode::kWrongState, "the container does not run");
    // Its processes are those below its keeper.
    const std::vector<Process> all = allProcesses();
    std::set<pid_t> family{runs.back().keeper};
    const auto joins = [&](const Process& one) {
      return family.contains(one.parent) && family.insert(one.pid).second;
    };
    while (std::any_of(all.begin(), all.end(), joins)) {
    }
    std::int64_t ticks = 0, threads = 0, pages = 0;
    for (const Process& one : all) {
      // The keeper has waited for orphans: what they used is in its sum.
      if (family.contains(one.pid)) ticks += one.waited_cpu_ticks;
      if (!family.contains(one.pid) || one.pid == runs.back().keeper) continue;
      ticks += one.cpu_ticks;
      threads += one.threads;
      pages += one.resident_pages;
    }
    StatsSample sample{.run = container->exitOf(runs.back()).run, .taken_at = clock().now()};
    sample.memory_usage_bytes = static_cast<std::uint64_t>(pages * ::sysconf(_SC_PAGESIZE));
    sample.memory_working_set_bytes = sample.memory_usage_bytes;
    sample.pids = static_cast<std::uint64_t>(threads);
    // A process that ends in the middle of a look is in no sum, or in two.
    const std::lock_guard lock(mutex_);
    auto& [run, most] = cpu_time_[sample.run.container.value];
    if (run != sample.run) most = {};
    run = sample.run;
    most = std::max<Duration>(most,
                              ticks * Duration(std::chrono::seconds(1)) / ::sysconf(_SC_CLK_TCK));
    sample.cpu_time = most;
    return sample;
  }

  const std::string endpoint_;
  const std::string directory_;
  std::mutex mutex_{};
  std::map<std::string, std::pair<RunId, Duration>> cpu_time_{};  ///< guarded by mutex_
};

Result<std::unique_ptr<ContainerRuntime>> create(const Endpoint& endpoint, const HostContext& host,
                                                 const CallContext&) {
  if (!endpoint.transport.empty())
    return failure(ErrorCode::kInvalidArgument, "use process:///state/directory, on this host");
  if (auto known = endpoint.requireKnownQuery({}); !known) return known.error();
  const std::string runtime = host.environment ? host.environment("XDG_RUNTIME_DIR") : "";
  std::string path =
      (runtime.empty() ? "/tmp" : runtime) + "/libcontrol-process-" + std::to_string(::geteuid());
  if (endpoint.path != "/") path = endpoint.path;
  struct stat status {};
  if ((::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) || ::stat(path.c_str(), &status) != 0)
    return systemFailure("the state directory " + path);
  // Whoever may write there decides what we run.
  if (status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return failure(ErrorCode::kPermissionDenied,
                   path + " must be ours, and nobody else's to write");
  append(path + "/.events", "");
  return std::unique_ptr<ContainerRuntime>(
      std::make_unique<ProcessRuntime>(host, endpoint.toString(), path));
}

}  // namespace

const PluginDescriptor& descriptor() noexcept {
  static constexpr PluginDescriptor kDescriptor{.abi_version = CONTROL_PLUGIN_ABI_VERSION,
                                                .build_id = CONTROL_BUILD_ID,
                                                .name = "process",
                                                .version = "0.1.0",
                                                .create = create};
  return kDescriptor;
}

}  // namespace process_engine

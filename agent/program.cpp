#include "agent/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>

#include <libcontrol/loader.h>
#include <libcontrol/version.h>

#include "agent/config.h"
#include "agent/deferred_runtime.h"
#include "agent/descriptor.h"
#include "agent/files/beneath.h"
#include "agent/http/health_server.h"
#include "agent/log.h"
#include "agent/memory.h"
#include "agent/panel/agent.h"
#include "agent/panel/link.h"
#include "agent/secret.h"
#include "agent/service_manager.h"
#include "agent/stop_signals.h"

namespace agent {
namespace {

using control::CallContext;
using control::ContainerRuntime;
using control::Error;
using control::ErrorCode;
using control::Result;

/// As in <sysexits.h>.
constexpr int kBadConfiguration = 78;

/// How long the engine may take to answer before the agent goes on without it.
constexpr std::chrono::seconds kFirstLook{3};
/// From when it is ready.
constexpr std::chrono::seconds kStartOver{10};

/// Where one is closed, the next file to be opened would take its place, and the log's lines.
void openStandardStreams() {
  int opened = 0;
  while (opened >= 0 && opened <= STDERR_FILENO) opened = ::open("/dev/null", O_RDWR);
  if (opened > STDERR_FILENO) ::close(opened);
}

void raiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::optional<std::string> environmentVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Surroundings realSurroundings() {
  char host[256] = "";
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return {.environment = environmentVariable, .host_name = host};
}

int complain(const std::string& message) {
  std::fprintf(stderr, "ctrl-alt-play-agent: %s\n", log::escape(message, LogFormat::kText).c_str());
  return kBadConfiguration;
}

/// What an engine plugin may ask of our environment.
std::string engineEnvironment(std::string_view name) {
  for (const std::string_view known : {"DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR"})
    if (name == known) return environmentVariable(std::string(name)).value_or("");
  return {};
}

control::HostContext hostContext() {
  control::HostContext host;
  host.diagnostic = [](std::string_view message) { log::warning("engine", message); };
  host.environment = engineEnvironment;
  return host;
}

Result<std::shared_ptr<ContainerRuntime>> loadEngine(const Config& config,
                                                     const CallContext& context) {
  control::LoadOptions options;
  options.plugin_directory = config.plugin_dir;
  options.host = hostContext();
  return control::loadRuntime(config.runtime, options, context);
}

/// Whether waiting may mend it.
bool isNotThere(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kDeadlineExceeded;
}

int complainAboutEngine(const Config& config, const Error& error) {
  return complain("RUNTIME " + config.runtime + " cannot be used: " + error.message);
}

/// The engine, or what stands for it until it is there.
Result<std::shared_ptr<ContainerRuntime>> openEngine(const Config& config) {
  const auto open = [config](const CallContext& context) { return loadEngine(config, context); };
  auto runtime = open(CallContext::within(kFirstLook));
  if (runtime || !isNotThere(runtime.error())) return runtime;
  log::warning("engine", config.runtime +
                             " is not there, trying again until it is: " + runtime.error().message);
  return std::shared_ptr<ContainerRuntime>(
      std::make_shared<DeferredRuntime>(hostContext(), open, runtime.error()));
}

LinkSettings linkSettings(const Config& config) {
  LinkSettings settings;
  settings.url = config.panel_url;
  settings.node_id = config.node_id;
  settings.secret = config.secret;
  settings.ca_file = config.panel_ca_file;
  settings.node_id_in_query = config.panel_node_id_in_query;
  return settings;
}

/// Locks it as long as it is open. Refused only when somebody else holds the lock: there are file
/// systems that know none.
Result<Descriptor> lock(Descriptor held, const std::string& name) {
  if (!held || ::flock(held.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return held;
  return Error{.code = ErrorCode::kAlreadyExists,
               .message = name + " is used by another agent; give each a directory of its own"};
}

/// What the agent remembers is one agent's: two that shared it would answer for each other. Where
/// nothing can be written there is nothing to share.
Result<Descriptor> lockStateDirectory(const std::string& directory) {
  std::error_code ignored;  // the open that follows tells
  std::filesystem::create_directories(directory, ignored);
  Descriptor file(
      ::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file)
    log::warning("agent", "STATE_DIR " + directory +
                              " cannot be written to: " + std::generic_category().message(errno) +
                              "; what is there will not survive the agent");
  return lock(std::move(file), "STATE_DIR " + directory);
}

/// Of two agents each would take what the other has in the making for left over. The directory
/// itself is locked, which leaves nothing in it and needs no right to write.
Result<Descriptor> lockDirectory(const std::string& setting, const std::string& directory) {
  std::error_code ignored;  // what needs the directory tells
  std::filesystem::create_directories(std::filesystem::path(directory).parent_path(), ignored);
  ::mkdir(directory.c_str(), 0700);
  return lock(files::openOwnDirectory(directory), setting + ' ' + directory);
}

/// The parts of a running agent and their order of starting and stopping.
class Daemon : public HealthSource {
 public:
  Daemon(const Config& config, std::shared_ptr<ContainerRuntime> runtime)
      : config_(config),
        agent_(
            config, std::move(runtime),
            [this](Outbound message) { link_.send(std::move(message)); },
            [this] { return link_.keptBytes(); }),
        link_(linkSettings(config), agent_),
        health_(*this) {}

  Result<void> openHealth() {
    auto opened = health_.open(config_.health_bind, config_.health_port);
    if (opened)
      log::info("health",
                "http://" + shownAddress() + ':' + std::to_string(health_.port()) + "/health");
    return opened;
  }

  void start() {
    agent_.open();
    link_.start();
  }

  void stop() {
    agent_.close();
    link_.stop();
  }

  HealthReport report() const override {
    const AgentStatus status = agent_.status();
    HealthReport report;
    report.timestamp = std::chrono::system_clock::now();
    report.version = CONTROL_VERSION;
    report.node_id = config_.node_id;
    report.uptime = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - started_at_);
    report.link = link_.status();
    report.runtime_name = status.runtime_name;
    report.runtime_reachable = status.runtime_reachable;
    report.runtime_problem = status.runtime_problem;
    report.servers_running = status.servers_running;
    report.servers_total = status.servers_total;
    report.orphans = status.orphans;
    report.console_lines_dropped = status.console_lines_dropped;
    report.process = readProcessUse();
    return report;
  }

  /// Whether the loops of the agent turn. Blocks for ever where a lock is never let go: then nobody
  /// says that the agent is alive, and that is what this is for.
  bool turns() {
    const bool supervises = agent_.turns();
    const bool serves = health_.turns();
    return link_.turns() && serves && supervises;
  }

 private:
  std::string shownAddress() const {
    return config_.health_bind.find(':') == std::string::npos ? config_.health_bind
                                                              : '[' + config_.health_bind + ']';
  }

  const Config& config_;
  const std::chrono::steady_clock::time_point started_at_ = std::chrono::steady_clock::now();
  Agent agent_;
  PanelLink link_;
  HealthServer health_;
};

/// Waits for a signal to stop, and tells the service manager that the agent is alive.
int awaitStop(StopSignals& signals, ServiceManager& manager, Daemon& daemon) {
  if (!manager.interval()) return signals.await(std::nullopt);
  for (;;) {
    if (daemon.turns())
      manager.alive();
    else
      log::error("agent", "a loop of the agent does not turn");
    if (const int signal = signals.await(manager.interval()); signal != 0) return signal;
  }
}

bool isStoppedWithin(std::chrono::seconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, time, [] { return false; });
  return stop.stop_requested();
}

int runDaemon(const Config& config) {
  // Before the first line of the log: from here on a signal is a wish to end.
  StopSignals& signals = StopSignals::watch();
  ServiceManager manager(environmentVariable);
  log::setUp(config.log_level, config.log_format);
  log::hide(config.secret);
  raiseDescriptorLimit();
  log::info("agent", "ctrl-alt-play-agent " CONTROL_VERSION ", node " + config.node_id +
                         ", engine " + config.runtime + ", panel " +
                         withoutQuery(config.panel_url));
  const auto state_lock = lockStateDirectory(config.state_dir);
  if (!state_lock) return complain(state_lock.error().message);
  const auto data_lock = lockDirectory("DATA_DIR", config.data_dir);
  if (!data_lock) return complain(data_lock.error().message);
  const auto backup_lock = lockDirectory("BACKUP_DIR", config.backup_dir);
  if (!backup_lock) return complain(backup_lock.error().message);
  auto runtime = openEngine(config);
  if (!runtime) return complainAboutEngine(config, runtime.error());
  Daemon daemon(config, *std::move(runtime));
  if (auto opened = daemon.openHealth(); !opened)
    return complain("HEALTH_BIND, HEALTH_PORT: " + opened.error().message);
  // Starting waits for the engine; signals must not wait for that.
  std::jthread starter([&](const std::stop_token& stop) {
    daemon.start();
    manager.ready();
    giveBackStart();
    // By then the servers are adopted, and told to a panel that is there.
    if (!isStoppedWithin(kStartOver, stop)) giveBackStart();
  });
  const int signal = awaitStop(signals, manager, daemon);
  manager.stopping();
  log::info("agent", std::string("stopping: ") + (signal == SIGTERM ? "SIGTERM" : "SIGINT"));
  starter.request_stop();
  starter.join();
  daemon.stop();
  log::info("agent", "stopped");
  return 0;
}

/// The plugin is loaded, and the engine is given no time: that shows a wrong URI and a wrong plugin
/// and needs no engine.
int checkConfiguration(const CommandLine& line) {
  const auto engine = loadEngine(line.config, CallContext::within(std::chrono::seconds(0)));
  if (!engine && !isNotThere(engine.error()))
    return complainAboutEngine(line.config, engine.error());
  for (const ConfiguredValue& value : line.in_force)
    std::printf("%s=%s  (%s)\n", value.name.c_str(),
                log::escape(value.value, LogFormat::kText).c_str(), value.origin.c_str());
  return 0;
}

}  // namespace

int runProgram(int argc, char** argv) {
  openStandardStreams();
  StopSignals::blockOthers();
  limitMemory();
  const std::span<const char* const> arguments(argv, static_cast<std::size_t>(argc));
  const auto line =
      readConfiguration(arguments.subspan(arguments.empty() ? 0 : 1), realSurroundings());
  eraseFromEnvironment("AGENT_SECRET");
  if (!line) return complain(line.error().message);
  switch (line->invocation) {
    case Invocation::kHelp:
      std::fputs(helpText().c_str(), stdout);
      return 0;
    case Invocation::kVersion:
      std::puts("ctrl-alt-play-agent " CONTROL_VERSION);
      return 0;
    case Invocation::kCheckConfig:
      return checkConfiguration(*line);
    case Invocation::kRun:
      break;
  }
  return runDaemon(line->config);
}

}  // namespace agent

#include "agent/panel/agent.h"

#include <atomic>
#include <future>
#include <memory>
#include <shared_mutex>

#include "agent/actions/create_payload.h"
#include "agent/actions/disk.h"
#include "agent/log.h"
#include "agent/panel/command.h"
#include "agent/panel/dispatcher.h"
#include "agent/panel/message.h"
#include "agent/panel/reporter.h"

namespace agent {
namespace {

constexpr std::size_t kWorkers = 4;
constexpr std::size_t kRemovals = 2;
constexpr control::Duration kOpenTimeout = std::chrono::seconds(10);
constexpr control::Duration kFirstInfoTimeout = std::chrono::seconds(2);
constexpr std::chrono::seconds kDiskTimeout{1};

control::SupervisorOptions supervisorOptions(const Config& config, const ServerNotes& notes) {
  control::SupervisorOptions options;
  options.name_prefix = "ctrl-alt-play-";
  options.managed_label = {kManagedLabel, "true"};
  options.entry_label = kServerIdLabel;
  options.owner_label = {kNodeLabel, config.node_id};
  options.restart_label = kRestartLabel;
  options.stop_ladder_label = kStopLadderLabel;
  options.is_entry_name = isServerId;
  options.may_start = [&notes](std::string_view server_id) {
    return !notes.isRestoring(std::string(server_id));
  };
  options.state_file = config.state_dir + "/servers";
  options.stats_interval = config.stats_interval;
  options.console_bytes = config.console_bytes;
  options.console_directory = config.state_dir + "/consoles";
  return options;
}

AgentIdentity makeIdentity(const Config& config) {
  AgentIdentity identity{.node_id = config.node_id, .boot_id = makeBootId(), .capabilities = {}};
  for (const Action& action : actions()) identity.capabilities.emplace_back(action.name);
  return identity;
}

}  // namespace

/// Members are destroyed from the last: first whoever uses the others.
class Agent::Core {
 public:
  Core(const Config& config, std::shared_ptr<control::ContainerRuntime> runtime, Send send,
       Unsent unsent)
      : config_(config),
        runtime_(std::move(runtime)),
        out_(std::move(send), std::move(unsent)),
        files_(config.data_dir),
        suspended_(config.state_dir + "/suspended"),
        removing_(config.state_dir + "/removing"),
        host_(config.data_dir),
        identity_(makeIdentity(config)),
        journal_(config.state_dir),
        pulled_(config.state_dir),
        console_feed_(out_, config_.panel_legacy_events),
        readiness_(out_, config_.panel_legacy_events),
        reporter_(config_, out_, operations_, console_feed_, readiness_),
        workers_(std::make_unique<Workers>(kWorkers, Operations::kMost)),
        removals_(std::make_unique<Workers>(kRemovals, Operations::kMost)),
        server_work_(std::make_unique<ServerWork>()),
        supervisor_(std::make_unique<control::Supervisor>(
            runtime_, supervisorOptions(config_, notes_), reporter_)),
        reserve_(config_.policy.disk_reserve_bytes),
        disk_(files_, notes_, diskHooks(), {}),
        services_{config_,       *runtime_, *supervisor_, out_,       operations_, *workers_,
                  *removals_,    files_,    listing_,     suspended_, removing_,   notes_,
                  host_,         disk_,     reserve_,     identity_,  engine_,     journal_,
                  *server_work_, ends_,     pulled_,      readiness_},
        dispatcher_(services_) {
    reporter_.lend(services_);
    console_feed_.start(*supervisor_);
    readiness_.start(services_);
    disk_.start();
  }

  ~Core() { close(); }

  void open() {
    const std::future<void> disk_is_read = readDisk();
    learnFromEngine(services_, within(kFirstInfoTimeout));
    auto inherited = journal_.open();
    supervisor_->open(within(kOpenTimeout));
    for (const control::EntryStatus& server : supervisor_->list())
      learnWaitingLimit(services_, server.name);
    // For the first greeting; a file system that does not answer is told without.
    disk_is_read.wait_for(kDiskTimeout);
    if (!inherited) return log::error("protocol", inherited.error().message);
    if (!journal_.problem().empty()) log::warning("protocol", journal_.problem());
    dispatcher_.takeOver(*std::move(inherited));
    clearAway(services_);
  }

  void close() {
    {
      const std::unique_lock lock(life_);
      if (closed_) return;
      closed_ = true;
    }
    reporter_.shuttingDown();
    workers_->close();
    removals_->close();
    server_work_->close();
    console_feed_.stop();
    readiness_.stop();
    disk_.close();
    supervisor_.reset();
  }

  bool turns() {
    static_cast<void>(status());
    const std::shared_lock lock(life_);
    return closed_ || supervisor_->turns();
  }

  AgentStatus status() const {
    AgentStatus status;
    if (const auto info = engine_.info()) status.runtime_name = info->engine;
    const std::shared_lock lock(life_);
    status.console_lines_dropped = console_feed_.dropped();
    if (closed_) return status;
    status.runtime_reachable = supervisor_->engineReachable();
    if (!status.runtime_reachable) status.runtime_problem = engine_.problem();
    for (const control::EntryStatus& server : supervisor_->list()) {
      ++status.servers_total;
      if (server.state == control::EntryState::kRunning) ++status.servers_running;
    }
    status.orphans = supervisor_->orphans().size();
    return status;
  }

  std::vector<std::string> greeting() {
    const std::shared_lock lock(life_);
    std::vector<std::string> messages;
    if (closed_) return messages;
    ends_.connected();
    dispatcher_.connected();
    Json info = encodeSystemInfo(identity_, host_, engine_.info());
    info.set("commandsInProgress", commandsInProgress());
    messages.push_back(writeLegacy("system_info", std::move(info)));
    const control::WallTime now = runtime_->clock().wallNow();
    const std::vector<control::EntryStatus> servers = supervisor_->list();
    for (const control::EntryStatus& server : servers)
      messages.push_back(out_.numbered("server_status", [&] {
        const auto status = supervisor_->status(server.name);
        const control::EntryStatus& latest = status ? *status : server;
        return encodeStatus(latest, services_.factsOf(latest), now);
      }));
    if (!config_.panel_legacy_events) return messages;
    for (const control::EntryStatus& server : servers)
      messages.push_back(legacyStatus(server, now));
    return messages;
  }

  std::string heartbeat() {
    if (const std::shared_lock lock(life_); !closed_) static_cast<void>(readDisk());
    Json data;
    data.set("nodeId", config_.node_id).set("timestamp", timestampNow()).set("status", "online");
    return writeLegacy("heartbeat", std::move(data));
  }

  void onMessage(const std::string& text) {
    const std::shared_lock lock(life_);
    if (!closed_) dispatcher_.handle(text);
  }

  void onFrameProblem(FrameProblem problem) {
    switch (problem) {
      case FrameProblem::kBinary:
        return out_.result(writeError("PARSE_ERROR", "a binary frame; send text frames"));
      case FrameProblem::kInvalidUtf8:
        return out_.result(writeError("PARSE_ERROR", "the text is not valid UTF-8"));
      case FrameProblem::kTooLarge:
        return out_.result(writeError("MESSAGE_TOO_LARGE", "a message may hold at most 1 MiB"));
    }
  }

 private:
  DiskWatch::Hooks diskHooks() {
    return {.running =
                [this] {
                  const std::shared_lock lock(life_);
                  return closed_ ? std::vector<std::string>() : serversThatRun(*supervisor_);
                },
            .exceeded =
                [this](const std::string& server_id, const DiskUse& use, bool is_new) {
                  const std::shared_lock lock(life_);
                  return !closed_ && onDiskExceeded(services_, server_id, use, is_new);
                }};
  }

  /// Behind the scenes, unless it is being read at this moment.
  std::future<void> readDisk() {
    auto done = std::make_shared<std::promise<void>>();
    std::future<void> is_done = done->get_future();
    if (reading_disk_.exchange(true)) return is_done;
    const bool posted = workers_->post([this, done](const std::stop_token&) {
      host_.readDisk();
      reading_disk_ = false;
      done->set_value();
    });
    if (!posted) reading_disk_ = false;
    return is_done;
  }

  control::CallContext within(control::Duration timeout) const {
    return control::CallContext::within(timeout, runtime_->clock());
  }

  Json commandsInProgress() const {
    Json commands = Json::array();
    for (const Operation& operation : operations_.inProgress()) {
      if (operation.command_id.empty()) continue;
      Json command;
      command.set("commandId", operation.command_id).set("action", operation.action);
      if (!operation.server_id.empty()) command.set("serverId", operation.server_id);
      commands.add(std::move(command));
    }
    return commands;
  }

  std::string legacyStatus(const control::EntryStatus& server, control::WallTime now) const {
    Json data;
    const ServerFacts facts = services_.factsOf(server);
    data.set("serverId", server.name).set("status", shownState(server.state, facts.liveness));
    Json stats = encodeLegacyStats(server, facts, now);
    if (!stats.isNull()) data.set("stats", std::move(stats));
    return writeLegacy("server_status", std::move(data));
  }

  const Config config_;
  const std::shared_ptr<control::ContainerRuntime> runtime_;
  Outgoing out_;
  Operations operations_;
  const ServerFiles files_;
  files::Listing listing_;
  const ServerMarks suspended_;
  const ServerMarks removing_;
  ServerNotes notes_;
  HostReadings host_;
  std::atomic<bool> reading_disk_{false};
  const AgentIdentity identity_;
  EngineFacts engine_;
  CommandJournal journal_;
  Ends ends_;
  PulledImages pulled_;
  ConsoleFeed console_feed_;
  Readiness readiness_;
  Reporter reporter_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<Workers> removals_;
  std::unique_ptr<ServerWork> server_work_;
  std::unique_ptr<control::Supervisor> supervisor_;
  const HostReserve reserve_;
  DiskWatch disk_;
  Services services_;
  Dispatcher dispatcher_;
  /// Held shared by whoever uses the supervisor from outside, alone by close().
  mutable std::shared_mutex life_;
  bool closed_ = false;
};

Agent::Agent(const Config& config, std::shared_ptr<control::ContainerRuntime> runtime, Send send,
             Unsent unsent)
    : core_(
          std::make_unique<Core>(config, std::move(runtime), std::move(send), std::move(unsent))) {}
Agent::~Agent() = default;

void Agent::open() { core_->open(); }
void Agent::close() { core_->close(); }
AgentStatus Agent::status() const { return core_->status(); }
bool Agent::turns() { return core_->turns(); }
std::vector<std::string> Agent::greeting() { return core_->greeting(); }
std::string Agent::heartbeat() { return core_->heartbeat(); }
void Agent::onMessage(std::string text) { core_->onMessage(text); }
void Agent::onFrameProblem(FrameProblem problem) { core_->onFrameProblem(problem); }
std::string Agent::consoleGap(const std::string& server_id, std::uint64_t lines,
                              std::uint64_t sequence) {
  Json data;
  data.set("serverId", server_id).set("dropped", lines);
  return writeEvent("server_log_gap", sequence, std::move(data));
}

}  // namespace agent

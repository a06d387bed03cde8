#include "docker/docker_json.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "engine/json.h"
#include "engine/reply.h"

namespace control::docker {

using engine::environmentIn;
using engine::fromUnix;
using engine::joinAllAddresses;
using engine::JsonDocument;
using engine::JsonValue;
using engine::missing;
using engine::numberIn;
using engine::positive;
using engine::readPorts;
using engine::readSignal;
using engine::smallInteger;
using engine::stringMap;
using engine::strings;
using engine::timeIn;

ContainerState containerState(std::string_view word) noexcept {
  if (word == "created") return ContainerState::kCreated;
  if (word == "running") return ContainerState::kRunning;
  if (word == "paused") return ContainerState::kPaused;
  if (word == "restarting") return ContainerState::kRestarting;
  if (word == "removing") return ContainerState::kRemoving;
  if (word == "exited") return ContainerState::kExited;
  if (word == "dead") return ContainerState::kDead;
  return ContainerState::kUnknown;
}

// ---- inspect ----

namespace {

void readLimits(const JsonValue& host, ResourceLimits& limits) {
  limits.memory_bytes = positive(host["Memory"]);
  if (const auto swap = host["MemorySwap"].integer(); swap && *swap != 0)
    limits.memory_swap_bytes = swap;
  limits.nano_cpus = positive(host["NanoCpus"]);
  limits.pids = positive(host["PidsLimit"]);
  if (const auto weight = smallInteger(host["BlkioWeight"]); weight && *weight > 0)
    limits.io_weight = weight;
}

/// "/host:/inside:ro" of HostConfig.Binds
void readBind(const std::string& text, std::vector<Mount>& mounts) {
  const std::size_t first = text.find(':');
  if (first == std::string::npos) return;
  const std::size_t second = text.find(':', first + 1);
  Mount mount;
  mount.source = text.substr(0, first);
  mount.type = mount.source.starts_with('/') ? Mount::Type::kBind : Mount::Type::kVolume;
  mount.target = text.substr(first + 1, second == std::string::npos ? second : second - first - 1);
  if (second != std::string::npos) {
    const std::string options = "," + text.substr(second + 1) + ",";
    mount.read_only = options.find(",ro,") != std::string::npos;
  }
  mounts.push_back(std::move(mount));
}

void readMounts(const JsonValue& host, std::vector<Mount>& mounts) {
  host["Mounts"].forEachElement([&](const JsonValue& one) {
    const std::string type = one["Type"].stringOrEmpty();
    Mount mount;
    if (type == "volume")
      mount.type = Mount::Type::kVolume;
    else if (type == "tmpfs")
      mount.type = Mount::Type::kTmpfs;
    else if (type != "bind")
      return;
    mount.source = one["Source"].stringOrEmpty();
    mount.target = one["Target"].stringOrEmpty();
    mount.read_only = one["ReadOnly"].isTrue();
    mounts.push_back(std::move(mount));
  });
  host["Binds"].forEachElement(
      [&](const JsonValue& bind) { readBind(bind.stringOrEmpty(), mounts); });
}

void readConfig(const JsonValue& config, const ContainerId& id, ContainerSpec& spec) {
  engine::readCommonConfig(config, id, spec);
  spec.entrypoint = strings(config["Entrypoint"]);
  spec.environment = environmentIn(config["Env"]);
  spec.stop_signal = readSignal(config["StopSignal"]);
}

void readHostConfig(const JsonValue& host, ContainerSpec& spec) {
  readLimits(host, spec.limits);
  readMounts(host, spec.mounts);
  const std::string network = host["NetworkMode"].stringOrEmpty();
  if (network == "none") spec.network = NetworkMode::kNone;
  if (network == "host") {
    spec.network = NetworkMode::kHost;
    spec.hostname.clear();  // the host's own
  }
  host["SecurityOpt"].forEachElement([&](const JsonValue& option) {
    const std::string text = option.stringOrEmpty();
    if (text == "no-new-privileges" || text == "no-new-privileges:true" ||
        text == "no-new-privileges=true")
      spec.no_new_privileges = true;
  });
  spec.init = host["Init"].isTrue();
  spec.read_only_root = host["ReadonlyRootfs"].isTrue();
  spec.drop_capabilities = strings(host["CapDrop"]);
  spec.add_capabilities = strings(host["CapAdd"]);
  spec.log_driver = host["LogConfig"]["Type"].stringOrEmpty();
  spec.log_options = stringMap(host["LogConfig"]["Config"]);
  if (const std::string runtime = host["Runtime"].stringOrEmpty();
      !runtime.empty() && runtime != "runc")
    spec.engine_options.emplace("runtime", runtime);
  if (const std::string parent = host["CgroupParent"].stringOrEmpty(); !parent.empty())
    spec.engine_options.emplace("cgroup_parent", parent);
}

void readState(const JsonValue& state, ContainerInfo& info) {
  info.raw_state = state["Status"].stringOrEmpty();
  info.state = containerState(info.raw_state);
  info.error = state["Error"].stringOrEmpty();
  if (const auto pid = smallInteger(state["Pid"]); pid && *pid > 0) info.pid = pid;
  info.started_at = timeIn(state["StartedAt"]);
  info.finished_at = timeIn(state["FinishedAt"]);
  if (info.started_at) info.oom_killed = state["OOMKilled"].boolean();
  const bool over = info.started_at && !info.running() && info.state != ContainerState::kUnknown;
  if (!over) return;
  info.exit = ExitStatus{.run = {.container = info.id, .started_at = *info.started_at},
                         .exit_code = smallInteger(state["ExitCode"]),
                         .oom_killed = info.oom_killed,
                         .finished_at = info.finished_at};
}

}  // namespace

Result<Inspection> parseInspect(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  const JsonValue root = document->root();
  Inspection inspection;
  ContainerInfo& info = inspection.info;
  info.id.value = root["Id"].stringOrEmpty();
  if (info.id.value.empty()) return missing("'Id'");
  const JsonValue state = root["State"];
  if (!state["Status"].string()) return missing("'State.Status'");
  info.image_id = root["Image"].stringOrEmpty();
  info.created_at = timeIn(root["Created"]);
  readState(state, info);
  info.spec.name = root["Name"].stringOrEmpty();
  if (info.spec.name.starts_with('/')) info.spec.name.erase(0, 1);
  const JsonValue config = root["Config"];
  readConfig(config, info.id, info.spec);
  readHostConfig(root["HostConfig"], info.spec);
  const JsonValue bound = root["NetworkSettings"]["Ports"];
  if (info.running()) info.health = healthIn(state, config);
  if (info.running()) readPorts(bound, info.spec.ports);
  if (info.spec.ports.empty()) readPorts(root["HostConfig"]["PortBindings"], info.spec.ports);
  joinAllAddresses(info.spec.ports);
  inspection.stdin_once = config["StdinOnce"].isTrue();
  return inspection;
}

Result<RunState> parseRunState(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  const JsonValue root = document->root();
  const JsonValue state = root["State"];
  RunState run;
  run.id.value = root["Id"].stringOrEmpty();
  if (run.id.value.empty()) return missing("'Id'");
  run.name = root["Name"].stringOrEmpty();
  if (run.name.starts_with('/')) run.name.erase(0, 1);
  const auto running = state["Running"].boolean();
  if (!running) return missing("'State.Running'");
  run.running = *running;
  if (const auto pid = smallInteger(state["Pid"]); pid && *pid > 0) run.pid = pid;
  run.started_at = timeIn(state["StartedAt"]);
  run.finished_at = timeIn(state["FinishedAt"]);
  run.exit_code = smallInteger(state["ExitCode"]);
  run.oom_killed = state["OOMKilled"].boolean();
  run.tty = root["Config"]["Tty"].isTrue();
  run.host_network = root["HostConfig"]["NetworkMode"].stringOrEmpty() == "host";
  return run;
}

// ---- the smaller ones ----

Result<std::vector<ContainerSummary>> parseList(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  if (!document->root().isArray()) return missing("list");
  std::vector<ContainerSummary> list;
  bool complete = true;
  document->root().forEachElement([&](const JsonValue& row) {
    ContainerSummary summary;
    summary.id.value = row["Id"].stringOrEmpty();
    complete = complete && !summary.id.value.empty();
    // Names of links have a slash inside; the container's own has none.
    for (std::string& name : strings(row["Names"]))
      if (name.size() > 1 && name.find('/', 1) == std::string::npos) summary.name = name.substr(1);
    summary.image = row["Image"].stringOrEmpty();
    summary.raw_state = row["State"].stringOrEmpty();
    summary.state = containerState(summary.raw_state);
    if (const auto created = row["Created"].integer();
        created && *created > 0 && *created < 9'000'000'000)
      summary.created_at = fromUnix(*created, 0);
    summary.labels = stringMap(row["Labels"]);
    list.push_back(std::move(summary));
  });
  if (!complete) return missing("'Id'");
  return list;
}

Result<WaitReply> parseWait(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  const JsonValue root = document->root();
  if (const auto problem = root["Error"]["Message"].string(); problem && !problem->empty())
    return Error{.code = ErrorCode::kInternal,
                 .message = "the engine cannot tell the exit: " + *problem};
  const auto code = smallInteger(root["StatusCode"]);
  if (!code) return missing("'StatusCode'");
  return WaitReply{*code};
}

Result<VersionReply> parseVersion(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  const JsonValue root = document->root();
  if (!root["Version"].string()) return missing("'Version'");
  return VersionReply{.version = root["Version"].stringOrEmpty(),
                      .os = root["Os"].stringOrEmpty(),
                      .architecture = root["Arch"].stringOrEmpty(),
                      .kernel = root["KernelVersion"].stringOrEmpty()};
}

Result<int> parseCgroupVersion(std::string info_text) {
  auto document = JsonDocument::parse(std::move(info_text));
  if (!document) return document.error();
  const std::string version = document->root()["CgroupVersion"].stringOrEmpty();
  return version == "1" ? 1 : version == "2" ? 2 : 0;
}

// ---- streams ----

namespace {

EventType eventType(std::string_view word) {
  if (word == "create") return EventType::kCreated;
  if (word == "start") return EventType::kStarted;
  if (word == "die") return EventType::kExited;
  if (word == "destroy") return EventType::kRemoved;
  if (word == "oom") return EventType::kOom;
  if (word == "pause") return EventType::kPaused;
  if (word == "unpause") return EventType::kUnpaused;
  if (word == "rename") return EventType::kRenamed;
  if (word == "update") return EventType::kUpdated;
  if (word == "kill") return EventType::kSignalled;
  return EventType::kUnknown;
}

/// Attributes are the labels with the engine's own facts mixed in; one of those that has the
/// name of a label hides it.
void readAttributes(std::map<std::string, std::string> attributes, Event& event) {
  event.name = attributes["name"];
  if (event.type == EventType::kExited) event.exit_code = numberIn(attributes, "exitCode");
  if (event.type == EventType::kSignalled)
    if (const auto number = numberIn(attributes, "signal"); number) event.signal = Signal{*number};
  for (const char* own :
       {"name", "image", "exitCode", "execDuration", "signal", "oldName", "execID"})
    attributes.erase(own);
  event.labels = std::move(attributes);
}

}  // namespace

Result<std::optional<Event>> parseEvent(std::string line) {
  auto document = JsonDocument::parse(std::move(line));
  if (!document) return document.error();
  const JsonValue root = document->root();
  if (!root.isObject()) return missing("event");
  if (root["Type"].stringOrEmpty() != "container") return std::optional<Event>();
  Event event;
  event.raw_type = root["Action"].stringOrEmpty();
  event.type = eventType(event.raw_type);
  event.container.value = root["Actor"]["ID"].stringOrEmpty();
  if (event.container.value.empty()) return missing("'Actor.ID'");
  readAttributes(stringMap(root["Actor"]["Attributes"]), event);
  if (const auto at = root["timeNano"].integer(); at) event.at = fromUnix(0, *at);
  return std::optional<Event>(std::move(event));
}

Result<PullStep> parsePullStep(std::string line) {
  auto document = JsonDocument::parse(std::move(line));
  if (!document) return document.error();
  const JsonValue root = document->root();
  if (!root.isObject()) return missing("progress");
  PullStep step;
  step.error = root["errorDetail"]["message"].string().value_or(root["error"].stringOrEmpty());
  if (step.error.empty() && (root["errorDetail"].isObject() || root["error"].string()))
    step.error = "no reason given";
  step.progress.layer = root["id"].stringOrEmpty();
  step.progress.status = root["status"].stringOrEmpty();
  step.progress.current_bytes = root["progressDetail"]["current"].integer();
  step.progress.total_bytes = root["progressDetail"]["total"].integer();
  step.finished = step.progress.layer.empty() && step.progress.status.starts_with("Status: ");
  return step;
}

// ---- statistics ----

namespace {

void readMemory(const JsonValue& memory, StatsSample& sample) {
  sample.memory_usage_bytes = memory["usage"].natural();
  // Without a limit the engine shows the host's memory (v2) or a number near 2^63 (v1).
  if (const auto limit = memory["limit"].natural(); limit && *limit < (std::uint64_t{1} << 62))
    sample.memory_limit_bytes = limit;
  if (!sample.memory_usage_bytes) return;
  const JsonValue details = memory["stats"];
  auto inactive = details["total_inactive_file"].natural();  // v1
  if (!inactive) inactive = details["inactive_file"].natural();
  if (!inactive) return;
  const std::uint64_t usage = *sample.memory_usage_bytes;
  sample.memory_working_set_bytes = *inactive < usage ? usage - *inactive : 0;
}

void readNetworks(const JsonValue& networks, StatsSample& sample) {
  if (!networks.isObject()) return;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  networks.forEachMember([&](const std::string&, const JsonValue& one) {
    received += one["rx_bytes"].natural().value_or(0);
    sent += one["tx_bytes"].natural().value_or(0);
  });
  sample.network_rx_bytes = received;
  sample.network_tx_bytes = sent;
}

void readBlocks(const JsonValue& entries, StatsSample& sample) {
  if (entries.empty()) return;
  std::uint64_t read = 0;
  std::uint64_t written = 0;
  entries.forEachElement([&](const JsonValue& entry) {
    const std::string operation = entry["op"].stringOrEmpty();
    const std::uint64_t value = entry["value"].natural().value_or(0);
    if (operation == "Read" || operation == "read") read += value;
    if (operation == "Write" || operation == "write") written += value;
  });
  sample.block_read_bytes = read;
  sample.block_write_bytes = written;
}

std::optional<Duration> nanoseconds(const JsonValue& value) {
  const auto count = value.natural();
  if (!count || *count > static_cast<std::uint64_t>(Duration::max().count())) return std::nullopt;
  return Duration(static_cast<std::int64_t>(*count));
}

}  // namespace

Result<StatsSample> parseStats(std::string text, const RunId& run) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  const JsonValue root = document->root();
  const auto read = root["read"].string();
  if (!read) return missing("'read'");
  // Of a container that does not run the engine gives zeros, dated in the year 1.
  if (!parseTime(*read))
    return Error{.code = ErrorCode::kWrongState, .message = "the container does not run"};
  StatsSample sample;
  sample.run = run;
  sample.cpu_time = nanoseconds(root["cpu_stats"]["cpu_usage"]["total_usage"]);
  sample.cpu_throttled = nanoseconds(root["cpu_stats"]["throttling_data"]["throttled_time"]);
  readMemory(root["memory_stats"], sample);
  sample.pids = root["pids_stats"]["current"].natural();
  if (const auto limit = root["pids_stats"]["limit"].natural();
      limit && *limit > 0 && *limit < (std::uint64_t{1} << 62))
    sample.pids_limit = limit;
  readNetworks(root["networks"], sample);
  readBlocks(root["blkio_stats"]["io_service_bytes_recursive"], sample);
  return sample;
}

}  // namespace control::docker

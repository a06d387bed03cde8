#include "podman/podman_json.h"

#include <algorithm>
#include <array>

#include "engine/json.h"
#include "podman/podman_body.h"

namespace control::podman {

using engine::JsonDocument;
using engine::JsonValue;
using engine::missing;
using engine::smallInteger;
using engine::strings;

ContainerState containerState(std::string_view word) noexcept {
  // "initialized" has been set up for a start that has not come yet.
  if (word == "created" || word == "configured" || word == "initialized")
    return ContainerState::kCreated;
  if (word == "running") return ContainerState::kRunning;
  if (word == "paused") return ContainerState::kPaused;
  if (word == "restarting") return ContainerState::kRestarting;
  if (word == "stopping") return ContainerState::kStopping;
  // "stopped" is over too; the engine has only not cleared up after it.
  if (word == "stopped" || word == "exited") return ContainerState::kExited;
  if (word == "removing") return ContainerState::kRemoving;
  if (word == "dead") return ContainerState::kDead;
  return ContainerState::kUnknown;
}

// ---- inspect ----

namespace {

bool hasProcess(ContainerState state) {
  return state == ContainerState::kRunning || state == ContainerState::kPaused ||
         state == ContainerState::kStopping;
}

bool isOver(std::string_view state_word) {
  return state_word == "stopped" || state_word == "exited" || state_word == "removing";
}

/// What the engine does not know it writes as -1.
std::optional<int> exitCode(const JsonValue& state) {
  const auto code = smallInteger(state["ExitCode"]);
  return code && *code >= 0 ? code : std::nullopt;
}

/// A time of long ago stands for none.
std::optional<WallTime> secondIn(const JsonValue& value) {
  const auto seconds = engine::positive(value);
  return seconds ? std::optional(engine::fromUnix(*seconds, 0)) : std::nullopt;
}

/// The engine sees few of the kernel's kills: its "no" says nothing.
std::optional<bool> oomKilled(const JsonValue& state) {
  return state["OOMKilled"].isTrue() ? std::optional<bool>(true) : std::nullopt;
}

/// A number before version 5, a name since.
std::optional<Signal> stopSignal(const JsonValue& value) {
  if (const auto number = smallInteger(value); number && *number > 0) return Signal{*number};
  return engine::readSignal(value);
}

void readLimits(const JsonValue& host, ResourceLimits& limits) {
  limits.memory_bytes = engine::positive(host["Memory"]);
  if (const auto swap = host["MemorySwap"].integer(); swap && *swap != 0)
    limits.memory_swap_bytes = swap;
  limits.nano_cpus = engine::positive(host["NanoCpus"]);
  limits.pids = engine::positive(host["PidsLimit"]);
  if (const auto weight = smallInteger(host["BlkioWeight"]); weight && *weight > 0)
    limits.io_weight = weight;
}

/// Version 4 joins the words of an entrypoint with spaces; all words of the process stand apart
/// in Path and Args.
std::vector<std::string> entrypointOf(const JsonValue& root, const JsonValue& config,
                                      const std::vector<std::string>& command) {
  if (config["Entrypoint"].isArray()) return strings(config["Entrypoint"]);
  const std::string joined = config["Entrypoint"].stringOrEmpty();
  if (joined.empty()) return {};
  std::vector<std::string> words = strings(root["Args"]);
  words.insert(words.begin(), root["Path"].stringOrEmpty());
  // The engine's own init stands in front: "/run/podman-init --".
  if (root["HostConfig"]["Init"].isTrue() && words.size() > 2 && words[1] == "--")
    words.erase(words.begin(), words.begin() + 2);
  const bool fits = words.size() > command.size() &&
                    std::equal(command.begin(), command.end(),
                               words.end() - static_cast<std::ptrdiff_t>(command.size()));
  if (!fits) return {joined};
  words.resize(words.size() - command.size());
  return words;
}

bool isAnonymous(const std::string& volume) {
  return volume.size() == 64 && volume.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void readMounts(const JsonValue& root, std::vector<Mount>& mounts) {
  root["Mounts"].forEachElement([&](const JsonValue& one) {
    const std::string type = one["Type"].stringOrEmpty();
    if (type != "bind" && type != "volume") return;
    Mount mount{.type = type == "bind" ? Mount::Type::kBind : Mount::Type::kVolume};
    mount.source = one[type == "bind" ? "Source" : "Name"].stringOrEmpty();
    if (mount.type == Mount::Type::kVolume && isAnonymous(mount.source)) mount.source.clear();
    mount.target = one["Destination"].stringOrEmpty();
    mount.read_only = one["RW"].boolean() == false;
    mounts.push_back(std::move(mount));
  });
  root["HostConfig"]["Tmpfs"].forEachMember([&](std::string target, const JsonValue& options) {
    const std::string text = "," + options.stringOrEmpty() + ",";
    mounts.push_back({.type = Mount::Type::kTmpfs,
                      .target = std::move(target),
                      .read_only = text.find(",ro,") != std::string::npos});
  });
}

/// In the order of their names, for the engine keeps none; without the variables that it gives to
/// each container anew.
void readEnvironment(const JsonValue& config, ContainerSpec& spec) {
  spec.environment = engine::environmentIn(config["Env"]);
  const std::string hostname = config["Hostname"].stringOrEmpty();
  std::erase_if(spec.environment, [&](const auto& one) {
    return (one.first == "container" && one.second == "podman") ||
           (one.first == "TERM" && one.second == "xterm") ||
           (one.first == "HOSTNAME" && one.second == hostname);
  });
  std::sort(spec.environment.begin(), spec.environment.end());
}

std::string plainCapability(std::string name) {
  if (name.starts_with("CAP_")) name.erase(0, 4);
  return name;
}

std::vector<std::string> capabilities(const JsonValue& list) {
  std::vector<std::string> names = strings(list);
  std::transform(names.begin(), names.end(), names.begin(), plainCapability);
  return names;
}

/// Of a request to drop all and add some back the engine keeps only what it dropped. What is left
/// tells the same.
void readCapabilities(const JsonValue& root, ContainerSpec& spec) {
  spec.drop_capabilities = capabilities(root["HostConfig"]["CapDrop"]);
  spec.add_capabilities = capabilities(root["HostConfig"]["CapAdd"]);
  std::vector<std::string> left = capabilities(root["BoundingCaps"]);
  if (spec.drop_capabilities.size() < 2 || left.size() >= spec.drop_capabilities.size()) return;
  spec.drop_capabilities = {"ALL"};
  spec.add_capabilities = std::move(left);
}

/// Ports as bound while it runs, as asked for otherwise.
void readPorts(const JsonValue& root, ContainerInfo& info) {
  std::vector<PortMapping>& ports = info.spec.ports;
  if (info.running()) engine::readPorts(root["NetworkSettings"]["Ports"], ports);
  if (ports.empty()) engine::readPorts(root["HostConfig"]["PortBindings"], ports);
  engine::joinAllAddresses(ports);
  if (info.running()) return;
  static constexpr std::array<const char*, 3> kProtocols = {"tcp", "udp", "sctp"};
  const std::string any = "," + root["Config"]["Annotations"][kAnyHostPort].stringOrEmpty() + ",";
  for (PortMapping& port : ports) {
    const std::string name = "," + std::to_string(port.container_port) + "/" +
                             kProtocols.at(static_cast<std::size_t>(port.protocol)) + ",";
    if (any.find(name) != std::string::npos) port.host_port = 0;
  }
}

void readConfig(const JsonValue& root, const ContainerId& id, ContainerSpec& spec) {
  const JsonValue config = root["Config"];
  engine::readCommonConfig(config, id, spec);
  if (spec.image.empty()) spec.image = root["ImageName"].stringOrEmpty();
  spec.entrypoint = entrypointOf(root, config, spec.command);
  readEnvironment(config, spec);
  spec.stop_signal = stopSignal(config["StopSignal"]);
}

void readHostConfig(const JsonValue& root, ContainerSpec& spec) {
  const JsonValue host = root["HostConfig"];
  readLimits(host, spec.limits);
  readMounts(root, spec.mounts);
  readCapabilities(root, spec);
  const std::string network = host["NetworkMode"].stringOrEmpty();
  if (network == "none") spec.network = NetworkMode::kNone;
  if (network == "host") {
    spec.network = NetworkMode::kHost;
    spec.hostname.clear();  // the host's own
  }
  for (const std::string& option : strings(host["SecurityOpt"]))
    if (option.starts_with("no-new-privileges")) spec.no_new_privileges = true;
  spec.init = host["Init"].isTrue();
  spec.read_only_root = host["ReadonlyRootfs"].isTrue();
  spec.log_driver = host["LogConfig"]["Type"].stringOrEmpty();
  if (const std::string parent = host["CgroupParent"].stringOrEmpty(); !parent.empty())
    spec.engine_options.emplace("cgroup_parent", parent);
}

void readState(const JsonValue& state, ContainerInfo& info) {
  info.raw_state = state["Status"].stringOrEmpty();
  info.state = containerState(info.raw_state);
  info.error = state["Error"].stringOrEmpty();
  // Left by a start of what ran already.
  if (info.error.ends_with(": container is running")) info.error.clear();
  if (const auto pid = smallInteger(state["Pid"]); pid && *pid > 0 && info.running())
    info.pid = pid;
  info.started_at = engine::timeIn(state["StartedAt"]);
  info.finished_at = engine::timeIn(state["FinishedAt"]);
  if (info.started_at) info.oom_killed = oomKilled(state);
  if (!info.started_at || !isOver(info.raw_state)) return;
  info.exit = ExitStatus{.run = {.container = info.id, .started_at = *info.started_at},
                         .exit_code = exitCode(state),
                         .oom_killed = info.oom_killed,
                         .finished_at = info.finished_at};
}

}  // namespace

Result<ContainerInfo> parseInspect(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  const JsonValue root = document->root();
  ContainerInfo info;
  info.id.value = root["Id"].stringOrEmpty();
  if (info.id.value.empty()) return missing("'Id'");
  if (!root["State"]["Status"].string()) return missing("'State.Status'");
  info.image_id = root["Image"].stringOrEmpty();
  info.created_at = engine::timeIn(root["Created"]);
  readState(root["State"], info);
  if (info.running()) info.health = engine::healthIn(root["State"], root["Config"]);
  info.spec.name = root["Name"].stringOrEmpty();
  readConfig(root, info.id, info.spec);
  readHostConfig(root, info.spec);
  readPorts(root, info);
  return info;
}

Result<PodmanRun> parseRunState(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  const JsonValue root = document->root();
  const JsonValue state = root["State"];
  PodmanRun run;
  run.id.value = root["Id"].stringOrEmpty();
  if (run.id.value.empty()) return missing("'Id'");
  run.name = root["Name"].stringOrEmpty();
  const auto word = state["Status"].string();
  if (!word) return missing("'State.Status'");
  run.state = containerState(*word);
  run.paused = run.state == ContainerState::kPaused;
  run.running =
      run.state == ContainerState::kUnknown ? state["Running"].isTrue() : hasProcess(run.state);
  if (const auto pid = smallInteger(state["Pid"]); pid && *pid > 0 && run.running) run.pid = pid;
  run.started_at = engine::timeIn(state["StartedAt"]);
  run.finished_at = engine::timeIn(state["FinishedAt"]);
  if (isOver(*word)) run.exit_code = exitCode(state);
  run.oom_killed = oomKilled(state);
  run.tty = root["Config"]["Tty"].isTrue();
  run.host_network = root["HostConfig"]["NetworkMode"].stringOrEmpty() == "host";
  run.open_stdin = root["Config"]["OpenStdin"].isTrue();
  return run;
}

ContainerInfo infoOf(ListedContainer row, const std::optional<ContainerInfo>& last) {
  ContainerInfo info{.id = std::move(row.summary.id),
                     .state = row.summary.state,
                     .raw_state = std::move(row.summary.raw_state),
                     .pid = row.run.pid,
                     .created_at = row.summary.created_at,
                     .started_at = row.run.started_at,
                     .finished_at = row.run.finished_at};
  if (last) {
    info.spec = last->spec;
    info.image_id = last->image_id;
  } else {
    info.spec = {.image = std::move(row.summary.image), .labels = std::move(row.summary.labels)};
  }
  info.spec.name = std::move(row.summary.name);
  if (info.started_at && isOver(info.raw_state))
    info.exit = ExitStatus{.run = {.container = info.id, .started_at = *info.started_at},
                           .exit_code = row.run.exit_code,
                           .finished_at = info.finished_at};
  return info;
}

Result<std::optional<ListedContainer>> findListed(std::string text, const std::string& id) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  std::optional<ListedContainer> found;
  document->root().forEachElement([&](const JsonValue& row) {
    ContainerSummary summary = summaryOf(row);
    if (found || summary.id.value.empty() || (summary.id.value != id && summary.name != id)) return;
    PodmanRun run;
    run.id = summary.id;
    run.name = summary.name;
    run.state = summary.state;
    run.paused = summary.state == ContainerState::kPaused;
    run.running = hasProcess(summary.state);
    if (const auto pid = smallInteger(row["Pid"]); pid && *pid > 0 && run.running) run.pid = pid;
    run.started_at = secondIn(row["StartedAt"]);
    run.finished_at = secondIn(row["ExitedAt"]);
    if (run.started_at && isOver(summary.raw_state)) run.exit_code = exitCode(row);
    found = ListedContainer{.summary = std::move(summary), .run = std::move(run)};
  });
  return found;
}

}  // namespace control::podman

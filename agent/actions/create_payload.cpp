#include "agent/actions/create_payload.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

#include "agent/actions/forbidden_fields.h"
#include "agent/lowered.h"
#include "agent/panel/refusal.h"

namespace agent {
namespace {

constexpr std::size_t kMostVariables = 128;
constexpr std::size_t kMostEnvironmentBytes = 32 * 1024;
constexpr std::size_t kMostLabels = 64;
constexpr std::size_t kMostStartupBytes = 16 * 1024;
constexpr std::size_t kMostPorts = 128;

// ---- Environment and labels ----

std::string variableValue(const Fields& environment, const Json::Member& member) {
  const Json& value = member.second;
  if (value.text() != nullptr && value.text()->find('\0') != std::string::npos)
    environment.refuse(member.first, "must not hold a NUL character");
  if (value.text() != nullptr) return *value.text();
  if (value.elements() != nullptr || value.members() != nullptr || value.isNull())
    environment.refuse(member.first, "must be text, a number, true or false");
  return value.write();
}

void checkEnvironmentSize(const Fields& environment, const Environment& variables) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : variables) bytes += name.size() + value.size() + 2;
  if (variables.size() > kMostVariables || bytes > kMostEnvironmentBytes)
    throw Refusal("INVALID_PAYLOAD",
                  environment.path() + " may hold at most 128 variables and 32 KiB");
}

void readLabels(const Fields& payload, std::map<std::string, std::string>& labels) {
  const Fields given = payload.object("labels");
  if (!given.present()) return;
  if (given.value()->members()->size() > kMostLabels)
    payload.refuse("labels", "may hold at most 64");
  for (const auto& [name, value] : *given.value()->members()) {
    const std::string lower = lowered(name);
    if (lower.starts_with("ctrl-alt-play.") || lower.starts_with("libcontrol."))
      throw Refusal("POLICY_VIOLATION", given.pathOf(name) + ": this namespace is the agent's own");
    if (name.empty() || name.find('\0') != std::string::npos || value.text() == nullptr ||
        value.text()->find('\0') != std::string::npos)
      given.refuse(name, "must be a name with a text, without NUL characters");
    labels[name] = *value.text();
  }
}

// ---- Ports ----

std::optional<control::PortProtocol> parseProtocol(std::string_view text) {
  const std::string name = lowered(text);
  if (name == "tcp") return control::PortProtocol::kTcp;
  if (name == "udp") return control::PortProtocol::kUdp;
  if (name == "sctp") return control::PortProtocol::kSctp;
  return std::nullopt;
}

std::optional<std::uint16_t> parsePort(std::string_view text, int least) {
  int port = -1;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
  if (!whole || port < least || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

bool isIpAddress(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

control::PortMapping readPort(const Fields& port) {
  control::PortMapping mapping;
  const auto internal = port.integer("internal", 1, 65535);
  if (!internal) port.refuse("internal", "is required: the port in the container");
  const auto external = port.integer("external", 0, 65535);
  if (!external) port.refuse("external", "is required: the port on the host");
  mapping.container_port = static_cast<std::uint16_t>(*internal);
  mapping.host_port = static_cast<std::uint16_t>(*external);
  const auto protocol = parseProtocol(port.text("protocol").value_or("tcp"));
  if (!protocol) port.refuse("protocol", "must be tcp, udp or sctp");
  mapping.protocol = *protocol;
  mapping.host_ip = port.text("ip").value_or("");
  if (!mapping.host_ip.empty() && !isIpAddress(mapping.host_ip))
    port.refuse("ip", "must be an IP address of the host");
  return mapping;
}

/// One member of the object form: `"25565/udp": 25565`.
control::PortMapping readPortMember(const Fields& ports, const Json::Member& member) {
  const std::string_view key = member.first;
  const std::size_t slash = key.find('/');
  const auto internal = parsePort(key.substr(0, slash), 1);
  const auto protocol =
      parseProtocol(slash == std::string_view::npos ? "tcp" : key.substr(slash + 1));
  if (!internal || !protocol)
    ports.refuse(member.first, "must be named by a port, as \"25565\" or \"25565/udp\"");
  std::optional<std::uint16_t> external;
  if (member.second.text() != nullptr) external = parsePort(*member.second.text(), 0);
  if (member.second.integer() != nullptr)
    external = parsePort(std::to_string(*member.second.integer()), 0);
  if (!external) ports.refuse(member.first, "must be a port of the host from 0 to 65535");
  return {*internal, *external, *protocol, {}};
}

std::vector<control::PortMapping> readPorts(const Fields& payload) {
  const Json* field = payload.find("ports");
  if (field == nullptr) return {};
  std::vector<control::PortMapping> ports;
  if (const Json::Array* list = field->elements()) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string path = payload.pathOf("ports") + '[' + std::to_string(i) + ']';
      if ((*list)[i].members() == nullptr)
        throw Refusal("INVALID_PAYLOAD",
                      path + " must be an object {internal, external, protocol}");
      ports.push_back(readPort(Fields(&(*list)[i], path)));
    }
  } else if (const Json::Object* members = field->members()) {
    for (const Json::Member& member : *members)
      ports.push_back(readPortMember(payload.object("ports"), member));
  } else {
    payload.refuse("ports", "must be an array or an object");
  }
  if (ports.size() > kMostPorts) payload.refuse("ports", "may hold at most 128");
  std::set<std::tuple<int, int, std::string>> taken;
  for (const control::PortMapping& port : ports)
    if (port.host_port != 0 &&
        !taken.insert({port.host_port, static_cast<int>(port.protocol), port.host_ip}).second)
      payload.refuse("ports", "names host port " + std::to_string(port.host_port) + " twice");
  return ports;
}

// ---- The rest of the payload ----

control::PullPolicy readPullPolicy(const Fields& payload) {
  const std::string policy = payload.text("pull").value_or("if-missing");
  if (policy == "if-missing") return control::PullPolicy::kIfMissing;
  if (policy == "always") return control::PullPolicy::kAlways;
  if (policy == "never") return control::PullPolicy::kNever;
  payload.refuse("pull", "must be \"if-missing\", \"always\" or \"never\"");
}

control::RestartPolicy readRestartPolicy(const Fields& payload) {
  control::RestartPolicy policy;
  const Fields restart = payload.object("restart");
  if (!restart.present()) return policy;
  const std::string mode = restart.text("policy").value_or("no");
  if (mode == "no" || mode == "never") {
    policy.mode = control::RestartPolicy::Mode::kNo;
  } else if (mode == "on-failure") {
    policy.mode = control::RestartPolicy::Mode::kOnFailure;
  } else if (mode == "always" || mode == "unless-stopped") {
    policy.mode = control::RestartPolicy::Mode::kAlways;
  } else {
    restart.refuse("policy", "must be \"no\", \"on-failure\" or \"always\"");
  }
  if (const auto retries = restart.integer("maxRetries", 0, 1000))
    policy.max_retries = static_cast<int>(*retries);
  return policy;
}

void setStartup(control::ContainerSpec& spec, const std::string& startup,
                const Environment& environment) {
  spec.entrypoint = {"/bin/sh", "-c"};
  spec.command = {expandStartup(startup, environment)};
  spec.labels[kStartupLabel] = startup;
}

std::optional<std::string> readStartup(const Fields& payload) {
  std::optional<std::string> startup = payload.text("startup");
  if (startup && startup->size() > kMostStartupBytes)
    payload.refuse("startup", "may hold at most 16 KiB");
  if (startup && startup->find_first_not_of(" \t\r\n") == std::string::npos) startup.reset();
  return startup;
}

/// What every server gets, whatever its payload says. The capabilities are those that images of
/// game servers need while they start as root, chown their files and step down to a user
/// (CHOWN, DAC_OVERRIDE, FOWNER, SETUID, SETGID), signal their own processes of another user
/// (KILL), and listen below 1024 (NET_BIND_SERVICE). Left out against an engine's default:
/// FSETID, MKNOD, NET_RAW, SYS_CHROOT, SETPCAP, SETFCAP, AUDIT_WRITE.
void setPolicy(control::ContainerSpec& spec, const CreateSettings& settings) {
  spec.no_new_privileges = true;
  spec.drop_capabilities = {"ALL"};
  spec.add_capabilities = {"CHOWN",  "DAC_OVERRIDE", "FOWNER",          "KILL",
                           "SETGID", "SETUID",       "NET_BIND_SERVICE"};
  spec.log_limit_bytes = 5 << 20;
  spec.open_stdin = true;
  control::Mount files;
  files.source = settings.host_directory;
  files.target = settings.container_data_path;
  spec.mounts = {files};
  spec.working_directory = settings.container_data_path;
}

/// The object that has the field `name`: what `eggConfig` in the payload wraps, else the payload.
/// A limit that stands beside eggConfig must not be lost.
Fields holderOf(std::string_view name, const Fields& payload) {
  const Fields egg = payload.object("eggConfig");
  const bool in_egg = egg.present() && (egg.find(name) != nullptr || !payload.find(name));
  return in_egg ? egg : payload;
}

void applyEnvironment(control::ContainerSpec& spec, const Environment& changed,
                      const std::vector<std::string>& removed) {
  std::erase_if(spec.environment, [&](const auto& variable) {
    return std::find(removed.begin(), removed.end(), variable.first) != removed.end();
  });
  for (const auto& [name, value] : changed) {
    const auto same =
        std::find_if(spec.environment.begin(), spec.environment.end(),
                     [&wanted = name](const auto& variable) { return variable.first == wanted; });
    if (same != spec.environment.end()) {
      same->second = value;
    } else {
      spec.environment.emplace_back(name, value);
    }
  }
}

/// A rule that asks a port asks one of the server's own.
void setReadiness(control::ContainerSpec& spec, const std::optional<ReadinessRule>& rule) {
  spec.labels.erase(kReadinessLabel);
  if (!rule) return;
  if (rule->asksPort()) {
    const auto address = probeAddress(*rule, spec);
    if (!address && address.error().code == control::ErrorCode::kInvalidArgument)
      throw Refusal("INVALID_PAYLOAD", "payload.readiness.port: " + address.error().message);
  }
  spec.labels[kReadinessLabel] = rule->toLabel();
}

struct ServerChange {
  PayloadLimits limits{};
  Environment environment{};
  std::vector<std::string> removed{};
  std::optional<std::string> startup{};
  std::optional<std::optional<ReadinessRule>> readiness{};
};

/// An engine's update has no word for "no limit any more", and swap counts on top of a memory limit
/// that only the container's specification shows.
bool needsSpecification(const PayloadLimits& limits) {
  return limits.memory_bytes == 0 || limits.nano_cpus == 0 ||
         (limits.swap_bytes && !limits.memory_bytes);
}

/// Runs inside the supervisor, so a refusal becomes an error here.
control::Result<control::ContainerSpec> applyChange(const ServerChange& change,
                                                    control::ContainerSpec spec) {
  try {
    spec.limits = change.limits.toResourceLimits(spec.limits);
    if (change.limits.disk_bytes)
      spec.labels[kDiskLabel] = std::to_string(*change.limits.disk_bytes);
    applyEnvironment(spec, change.environment, change.removed);
    const auto kept = spec.labels.find(kStartupLabel);
    const std::optional<std::string> old =
        kept == spec.labels.end() ? std::nullopt : std::optional(kept->second);
    if (change.startup || old)
      setStartup(spec, change.startup ? *change.startup : *old, spec.environment);
    if (change.readiness) setReadiness(spec, *change.readiness);
    return spec;
  } catch (const Refusal& refusal) {
    return control::Error{control::ErrorCode::kInvalidArgument, control::Effect::kNone,
                          refusal.message()};
  }
}

}  // namespace

Fields limitsOf(const Fields& payload) { return holderOf("limits", payload).object("limits"); }

std::string readImage(const Fields& payload) {
  static constexpr std::string_view kPunctuation = "._/:@-";
  std::string image = payload.requiredText("image");
  const bool allowed = std::all_of(image.begin(), image.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kPunctuation.find(c) != std::string_view::npos;
  });
  const char first = image.front();
  if (!allowed || image.size() > 255 || kPunctuation.find(first) != std::string_view::npos)
    payload.refuse("image", "must be an image reference as \"ghcr.io/example/game:1\"");
  return image;
}

Environment readEnvironment(const Fields& payload, std::vector<std::string>* removed) {
  const Fields environment = payload.object("environment");
  Environment variables;
  if (!environment.present()) return variables;
  for (const Json::Member& member : *environment.value()->members()) {
    const std::string& name = member.first;
    if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos)
      environment.refuse(name, "is no name of a variable: it must not be empty or hold '='");
    if (removed != nullptr && member.second.isNull()) {
      removed->push_back(name);
    } else {
      variables.emplace_back(name, variableValue(environment, member));
    }
  }
  checkEnvironmentSize(environment, variables);
  return variables;
}

std::optional<std::optional<ReadinessRule>> readReadinessOf(const Fields& payload) {
  const Fields readiness = holderOf("readiness", payload).object("readiness");
  if (!readiness.present()) return std::nullopt;
  return readReadiness(readiness);
}

control::EntrySpec readCreatePayload(const Fields& payload, const CreateSettings& settings) {
  refuseForbiddenFields(payload);
  const auto with = [&](std::string_view name) { return holderOf(name, payload); };
  control::EntrySpec entry;
  control::ContainerSpec& spec = entry.container;
  spec.image = readImage(with("image"));
  spec.environment = readEnvironment(with("environment"), nullptr);
  readLabels(with("labels"), spec.labels);
  const Fields given_limits = limitsOf(payload);
  const PayloadLimits limits = readLimits(given_limits);
  if (limits.swap_bytes.value_or(0) > 0 && limits.memory_bytes.value_or(0) == 0)
    given_limits.refuse("swap", "needs a limit of memory");
  spec.limits = limits.toResourceLimits({.pids = settings.pids});
  if (limits.disk_bytes) spec.labels[kDiskLabel] = std::to_string(*limits.disk_bytes);
  spec.ports = readPorts(with("ports"));
  readStop(with("stop"), entry);
  spec.tty = with("tty").boolean("tty").value_or(true);
  if (const auto startup = readStartup(with("startup")))
    setStartup(spec, *startup, spec.environment);
  setPolicy(spec, settings);
  if (const auto readiness = readReadinessOf(payload)) setReadiness(spec, *readiness);
  entry.pull = readPullPolicy(with("pull"));
  entry.restart = readRestartPolicy(with("restart"));
  entry.start = with("start").boolean("start").value_or(false);
  return entry;
}

control::EntryUpdate readUpdatePayload(const Fields& payload) {
  refuseForbiddenFields(payload);
  ServerChange change;
  change.limits = readLimits(limitsOf(payload));
  change.environment = readEnvironment(holderOf("environment", payload), &change.removed);
  change.startup = readStartup(holderOf("startup", payload));
  change.readiness = readReadinessOf(payload);
  control::EntryUpdate update;
  update.limits = change.limits.toResourceLimits({});
  if (!change.limits.swap_bytes) update.limits.memory_swap_bytes.reset();  // it stays
  const bool respec = change.startup || change.readiness || change.limits.disk_bytes ||
                      !change.environment.empty() || !change.removed.empty() ||
                      needsSpecification(change.limits);
  if (respec)
    update.respec = [change](control::ContainerSpec current) {
      return applyChange(change, std::move(current));
    };
  return update;
}

}  // namespace agent

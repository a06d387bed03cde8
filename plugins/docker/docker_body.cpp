#include "docker/docker_body.h"

#include <algorithm>
#include <array>

#include "engine/json.h"

namespace control::docker {
namespace {

using engine::array;
using engine::isText;
using engine::labelFilter;
using engine::object;
using engine::stringified;
using engine::wholeSeconds;
using Poco::JSON::Array;
using Poco::JSON::Object;

/// The drivers that come with an engine. For a name it does not know it searches for a plugin for
/// 15 s before it refuses.
constexpr std::array<std::string_view, 11> kLogDrivers = {
    "json-file", "local",   "none",    "journald", "syslog",    "fluentd",
    "gelf",      "awslogs", "gcplogs", "splunk",   "logentries"};

void putLimits(const ResourceLimits& limits, Object& host) {
  if (limits.memory_bytes) host.set("Memory", *limits.memory_bytes);
  if (limits.memory_swap_bytes) host.set("MemorySwap", *limits.memory_swap_bytes);
  if (limits.nano_cpus) host.set("NanoCpus", *limits.nano_cpus);
  if (limits.pids) host.set("PidsLimit", *limits.pids);
  if (limits.io_weight) host.set("BlkioWeight", *limits.io_weight);
}

std::string portKey(const PortMapping& port) {
  static constexpr std::array<const char*, 3> kProtocols = {"tcp", "udp", "sctp"};
  return std::to_string(port.container_port) + "/" +
         kProtocols.at(static_cast<std::size_t>(port.protocol));
}

void putPorts(const ContainerSpec& spec, Object& body, Object& host) {
  if (spec.ports.empty()) return;
  std::map<std::string, Array> bindings;
  for (const PortMapping& port : spec.ports) {
    Object binding;
    binding.set("HostIp", port.host_ip);
    binding.set("HostPort", port.host_port == 0 ? std::string() : std::to_string(port.host_port));
    bindings[portKey(port)].add(binding);
  }
  Object exposed;
  Object bound;
  for (const auto& [key, list] : bindings) {
    exposed.set(key, Object());
    bound.set(key, list);
  }
  body.set("ExposedPorts", exposed);
  host.set("PortBindings", bound);
}

void putMounts(const std::vector<Mount>& mounts, Object& host) {
  static constexpr std::array<const char*, 3> kTypes = {"bind", "volume", "tmpfs"};
  if (mounts.empty()) return;
  Array list;
  for (const Mount& mount : mounts) {
    Object one;
    one.set("Type", kTypes.at(static_cast<std::size_t>(mount.type)));
    if (!mount.source.empty()) one.set("Source", mount.source);
    one.set("Target", mount.target);
    if (mount.read_only) one.set("ReadOnly", true);
    list.add(one);
  }
  host.set("Mounts", list);
}

void putCapabilities(const char* key, const std::vector<std::string>& names, Object& host) {
  if (names.empty()) return;
  host.set(key, array(names));
}

Result<void> putLogging(const ContainerSpec& spec, Object& host) {
  if (spec.log_driver.empty() && spec.log_options.empty() && !spec.log_limit_bytes) return {};
  const bool known = spec.log_driver.empty() || std::find(kLogDrivers.begin(), kLogDrivers.end(),
                                                          spec.log_driver) != kLogDrivers.end();
  if (!known) {
    std::string list;
    for (const std::string_view driver : kLogDrivers)
      list.append(list.empty() ? "" : ", ").append(driver);
    return Error::invalid("unknown log driver '" + spec.log_driver.substr(0, 64) +
                          "'; known: " + list);
  }
  Object logging;
  if (spec.log_limit_bytes) {
    logging.set("Type", "local");
    // A single file cannot be compressed: the engine refuses to start a container with both.
    logging.set("Config", object({{"max-size", std::to_string(*spec.log_limit_bytes)},
                                  {"max-file", "1"},
                                  {"compress", "false"},
                                  {"mode", "non-blocking"}}));
    host.set("LogConfig", logging);
    return {};
  }
  logging.set("Type", spec.log_driver);
  if (!spec.log_options.empty()) logging.set("Config", object(spec.log_options));
  host.set("LogConfig", logging);
  return {};
}

Result<void> putEngineOptions(const std::map<std::string, std::string>& options, Object& host) {
  for (const auto& [key, value] : options) {
    if (!isText(value) || value.empty())
      return Error::invalid("engine option '" + key + "' has no value");
    if (key == "runtime") {
      host.set("Runtime", value);
    } else if (key == "cgroup_parent") {
      host.set("CgroupParent", value);
    } else {
      return Error::invalid("engine option '" + key.substr(0, 64) +
                            "' is unknown to Docker; known: cgroup_parent, runtime");
    }
  }
  return {};
}

void putStop(const ContainerSpec& spec, Object& body) {
  // Real-time signals have no name that all engines know: the number does.
  if (spec.stop_signal) body.set("StopSignal", std::to_string(spec.stop_signal->number));
  if (spec.stop_timeout) body.set("StopTimeout", wholeSeconds(*spec.stop_timeout));
}

void putProcess(const ContainerSpec& spec, Object& body) {
  body.set("Image", spec.image);
  if (!spec.entrypoint.empty()) body.set("Entrypoint", array(spec.entrypoint));
  if (!spec.command.empty()) body.set("Cmd", array(spec.command));
  if (!spec.environment.empty()) body.set("Env", engine::environmentArray(spec.environment));
  if (!spec.labels.empty()) body.set("Labels", object(spec.labels));
  if (!spec.working_directory.empty()) body.set("WorkingDir", spec.working_directory);
  if (!spec.user.empty()) body.set("User", spec.user);
  if (!spec.hostname.empty()) body.set("Hostname", spec.hostname);
  if (spec.tty) body.set("Tty", true);
  // Not StdinOnce: a console that closes must not end the server's input.
  if (spec.open_stdin) body.set("OpenStdin", true);
}

void putSafety(const ContainerSpec& spec, Object& host) {
  if (spec.network == NetworkMode::kNone) host.set("NetworkMode", "none");
  if (spec.network == NetworkMode::kHost) host.set("NetworkMode", "host");
  if (spec.no_new_privileges) host.set("SecurityOpt", array({"no-new-privileges:true"}));
  if (spec.init) host.set("Init", true);
  if (spec.read_only_root) host.set("ReadonlyRootfs", true);
}

}  // namespace

Result<std::string> createBody(const ContainerSpec& spec) {
  if (auto checked = engine::checkSpec(spec); !checked) return checked.error();
  Object body;
  Object host;
  putProcess(spec, body);
  putSafety(spec, host);
  putLimits(spec.limits, host);
  putStop(spec, body);
  putPorts(spec, body, host);
  putMounts(spec.mounts, host);
  putCapabilities("CapDrop", spec.drop_capabilities, host);
  putCapabilities("CapAdd", spec.add_capabilities, host);
  for (auto put : {putLogging(spec, host), putEngineOptions(spec.engine_options, host)})
    if (!put) return put.error();
  body.set("HostConfig", host);
  return stringified(body);
}

Result<std::string> updateBody(const ResourceLimits& limits) {
  if (auto checked = engine::checkUpdate(limits); !checked) return checked.error();
  Object body;
  putLimits(limits, body);
  return stringified(body);
}

std::string listFilters(const ListFilter& filter) {
  std::string out;
  if (!filter.labels.empty()) out = labelFilter(filter.labels);
  std::string states;
  for (const ContainerState state : filter.states) {
    // States the engine has no word for match nothing there; the caller compares again.
    if (state == ContainerState::kUnknown || state == ContainerState::kStopping) continue;
    states += (states.empty() ? "" : ",") + engine::jsonQuoted(toString(state));
  }
  if (!states.empty()) out += (out.empty() ? "" : ",") + ("\"status\":[" + states + "]");
  return out.empty() ? std::string() : "{" + out + "}";
}

std::string eventFilters(const EventFilter& filter) {
  return R"({"type":["container"])" +
         (filter.labels.empty() ? "" : "," + labelFilter(filter.labels)) + "}";
}

Result<ImageReference> splitReference(std::string_view reference) {
  if (auto checked = engine::checkReference(reference); !checked) return checked.error();
  const std::size_t at = reference.find('@');
  if (at != std::string_view::npos) {
    // A tag beside a digest says nothing more.
    std::string_view name = reference.substr(0, at);
    const std::size_t colon = name.rfind(':');
    if (colon != std::string_view::npos && name.find('/', colon) == std::string_view::npos)
      name = name.substr(0, colon);
    return ImageReference{std::string(name), std::string(reference.substr(at + 1))};
  }
  const std::size_t colon = reference.rfind(':');
  if (colon == std::string_view::npos || reference.find('/', colon) != std::string_view::npos)
    return ImageReference{std::string(reference), "latest"};
  return ImageReference{std::string(reference.substr(0, colon)),
                        std::string(reference.substr(colon + 1))};
}

}  // namespace control::docker

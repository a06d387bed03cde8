#include "docker/docker_body.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <sstream>

#include "engine/json.h"

namespace control::docker {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

constexpr std::size_t kMaxName = 255;

/// The drivers that come with an engine. For a name it does not know it searches for a plugin for
/// 15 s before it refuses.
constexpr std::array<std::string_view, 11> kLogDrivers = {
    "json-file", "local",   "none",    "journald", "syslog",    "fluentd",
    "gelf",      "awslogs", "gcplogs", "splunk",   "logentries"};

Error invalid(std::string message) {
  return {.code = ErrorCode::kInvalidArgument, .message = std::move(message)};
}

bool isAlphaNumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool isName(std::string_view text, std::size_t shortest) {
  return text.size() >= shortest && text.size() <= kMaxName && isAlphaNumeric(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return isAlphaNumeric(c) || c == '_' || c == '.' || c == '-'; });
}

bool isText(std::string_view text) {
  return text.find('\0') == std::string_view::npos && engine::isUtf8(text);
}

std::string stringified(const Object& object) {
  std::ostringstream out;
  object.stringify(out);
  return out.str();
}

Array array(const std::vector<std::string>& values) {
  Array out;
  for (const std::string& value : values) out.add(value);
  return out;
}

Object object(const std::map<std::string, std::string>& values) {
  Object out;
  for (const auto& [key, value] : values) out.set(key, value);
  return out;
}

Array environment(const std::vector<std::pair<std::string, std::string>>& variables) {
  Array out;
  for (const auto& [name, value] : variables) out.add(name + "=" + value);
  return out;
}

Result<void> checkEnvironment(const std::vector<std::pair<std::string, std::string>>& variables) {
  for (const auto& [name, value] : variables) {
    if (name.empty() || name.find('=') != std::string::npos || !isText(name))
      return invalid("environment variable '" + name + "': a name is not empty and has no '='");
    if (!isText(value))
      return invalid("environment variable '" + name + "' is not UTF-8 text without NUL");
  }
  return {};
}

Result<void> checkTexts(const ContainerSpec& spec) {
  for (const auto* list : {&spec.entrypoint, &spec.command})
    for (const std::string& word : *list)
      if (!isText(word)) return invalid("a word of the command is not UTF-8 text without NUL");
  for (const auto* map : {&spec.labels, &spec.log_options})
    for (const auto& [key, value] : *map)
      if (key.empty() || !isText(key) || !isText(value))
        return invalid("label or log option '" + key + "' is not UTF-8 text without NUL");
  for (const std::string* one : {&spec.working_directory, &spec.user, &spec.hostname})
    if (!isText(*one)) return invalid("user, host name or working directory is not UTF-8 text");
  if (!spec.working_directory.empty() && !spec.working_directory.starts_with('/'))
    return invalid("the working directory must be absolute");
  return {};
}

Result<void> checkLimits(const ResourceLimits& limits) {
  // The engine takes 0 for "no limit": somebody's slip would lift all bounds.
  if (limits.memory_bytes && *limits.memory_bytes <= 0)
    return invalid("the memory limit must be positive; leave it away for no limit");
  if (limits.memory_swap_bytes && *limits.memory_swap_bytes != -1 && *limits.memory_swap_bytes <= 0)
    return invalid("the limit of memory and swap must be positive, or -1 for no limit");
  if (limits.nano_cpus && *limits.nano_cpus <= 0)
    return invalid("the CPU limit must be positive; leave it away for no limit");
  if (limits.pids && *limits.pids <= 0)
    return invalid("the limit of processes must be positive; leave it away for no limit");
  if (limits.io_weight && (*limits.io_weight < 10 || *limits.io_weight > 1000))
    return invalid("the I/O weight is from 10 to 1000");
  return {};
}

void putLimits(const ResourceLimits& limits, Object& host) {
  if (limits.memory_bytes) host.set("Memory", *limits.memory_bytes);
  if (limits.memory_swap_bytes) host.set("MemorySwap", *limits.memory_swap_bytes);
  if (limits.nano_cpus) host.set("NanoCpus", *limits.nano_cpus);
  if (limits.pids) host.set("PidsLimit", *limits.pids);
  if (limits.io_weight) host.set("BlkioWeight", *limits.io_weight);
}

bool isAddress(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

std::string portKey(const PortMapping& port) {
  static constexpr std::array<const char*, 3> kProtocols = {"tcp", "udp", "sctp"};
  return std::to_string(port.container_port) + "/" +
         kProtocols.at(static_cast<std::size_t>(port.protocol));
}

Result<void> putPorts(const ContainerSpec& spec, Object& body, Object& host) {
  if (spec.ports.empty()) return {};
  if (spec.network != NetworkMode::kDefault)
    return invalid("ports cannot be mapped without a network of the container's own");
  std::map<std::string, Array> bindings;
  for (const PortMapping& port : spec.ports) {
    if (port.container_port == 0) return invalid("a container port is from 1 to 65535");
    if (!port.host_ip.empty() && !isAddress(port.host_ip))
      return invalid("'" + port.host_ip.substr(0, 64) + "' is not an IP address");
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
  return {};
}

Result<void> checkMount(const Mount& mount) {
  if (!isText(mount.source) || !isText(mount.target))
    return invalid("a mount's path is not UTF-8 text");
  if (!mount.target.starts_with('/') || mount.target == "/")
    return invalid("the target of a mount must be an absolute path that is not '/'");
  if (mount.type == Mount::Type::kBind && !mount.source.starts_with('/'))
    return invalid("the source of a bind mount must be an absolute path");
  if (mount.type == Mount::Type::kVolume && !mount.source.empty() && !isName(mount.source, 2))
    return invalid("'" + mount.source.substr(0, 64) + "' is not the name of a volume");
  if (mount.type == Mount::Type::kTmpfs && !mount.source.empty())
    return invalid("a tmpfs mount has no source");
  return {};
}

Result<void> putMounts(const std::vector<Mount>& mounts, Object& host) {
  static constexpr std::array<const char*, 3> kTypes = {"bind", "volume", "tmpfs"};
  if (mounts.empty()) return {};
  Array list;
  for (const Mount& mount : mounts) {
    if (auto checked = checkMount(mount); !checked) return checked;
    Object one;
    one.set("Type", kTypes.at(static_cast<std::size_t>(mount.type)));
    if (!mount.source.empty()) one.set("Source", mount.source);
    one.set("Target", mount.target);
    if (mount.read_only) one.set("ReadOnly", true);
    list.add(one);
  }
  host.set("Mounts", list);
  return {};
}

Result<void> putCapabilities(const char* key, const std::vector<std::string>& names, Object& host) {
  if (names.empty()) return {};
  for (const std::string& name : names) {
    const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    });
    if (!good) return invalid("'" + name.substr(0, 64) + "' is not the name of a capability");
  }
  host.set(key, array(names));
  return {};
}

Result<void> putLogging(const ContainerSpec& spec, Object& host) {
  if (spec.log_driver.empty() && spec.log_options.empty()) return {};
  const bool known = spec.log_driver.empty() || std::find(kLogDrivers.begin(), kLogDrivers.end(),
                                                          spec.log_driver) != kLogDrivers.end();
  if (!known) {
    std::string list;
    for (const std::string_view driver : kLogDrivers)
      list.append(list.empty() ? "" : ", ").append(driver);
    return invalid("unknown log driver '" + spec.log_driver.substr(0, 64) + "'; known: " + list);
  }
  Object logging;
  logging.set("Type", spec.log_driver);
  if (!spec.log_options.empty()) logging.set("Config", object(spec.log_options));
  host.set("LogConfig", logging);
  return {};
}

Result<void> putEngineOptions(const std::map<std::string, std::string>& options, Object& host) {
  for (const auto& [key, value] : options) {
    if (!isText(value) || value.empty()) return invalid("engine option '" + key + "' has no value");
    if (key == "runtime") {
      host.set("Runtime", value);
    } else if (key == "cgroup_parent") {
      host.set("CgroupParent", value);
    } else {
      return invalid("engine option '" + key.substr(0, 64) +
                     "' is unknown to Docker; known: cgroup_parent, runtime");
    }
  }
  return {};
}

Result<void> putStop(const ContainerSpec& spec, Object& body) {
  if (spec.stop_signal) {
    if (spec.stop_signal->number < 1 || spec.stop_signal->number > 64)
      return invalid("the stop signal is from 1 to 64");
    // Real-time signals have no name that all engines know: the number does.
    body.set("StopSignal", std::to_string(spec.stop_signal->number));
  }
  if (spec.stop_timeout) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*spec.stop_timeout).count();
    if (seconds < 0 || seconds > std::numeric_limits<std::int32_t>::max())
      return invalid("the stop timeout must not be negative");
    body.set("StopTimeout", static_cast<std::int64_t>(seconds));
  }
  return {};
}

void putProcess(const ContainerSpec& spec, Object& body) {
  body.set("Image", spec.image);
  if (!spec.entrypoint.empty()) body.set("Entrypoint", array(spec.entrypoint));
  if (!spec.command.empty()) body.set("Cmd", array(spec.command));
  if (!spec.environment.empty()) body.set("Env", environment(spec.environment));
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

Result<void> checkSpec(const ContainerSpec& spec) {
  if (!spec.name.empty() && !isName(spec.name, 2))
    return invalid("'" + spec.name.substr(0, 64) +
                   "' is not a container name: 2 to 255 letters, digits, '_', '.', '-', the first "
                   "a letter or digit");
  if (auto checked = checkReference(spec.image); !checked) return checked;
  if (auto checked = checkTexts(spec); !checked) return checked;
  if (auto checked = checkEnvironment(spec.environment); !checked) return checked;
  return checkLimits(spec.limits);
}

std::string labelFilter(const std::map<std::string, std::string>& labels) {
  std::string out;
  for (const auto& [key, value] : labels)
    out += (out.empty() ? "" : ",") + engine::jsonQuoted(value.empty() ? key : key + "=" + value);
  return "\"label\":[" + out + "]";
}

}  // namespace

Result<std::string> createBody(const ContainerSpec& spec) {
  if (auto checked = checkSpec(spec); !checked) return checked.error();
  Object body;
  Object host;
  putProcess(spec, body);
  putSafety(spec, host);
  putLimits(spec.limits, host);
  for (auto put : {putStop(spec, body), putPorts(spec, body, host), putMounts(spec.mounts, host),
                   putCapabilities("CapDrop", spec.drop_capabilities, host),
                   putCapabilities("CapAdd", spec.add_capabilities, host), putLogging(spec, host),
                   putEngineOptions(spec.engine_options, host)})
    if (!put) return put.error();
  body.set("HostConfig", host);
  return stringified(body);
}

Result<std::string> updateBody(const ResourceLimits& limits) {
  if (auto checked = checkLimits(limits); !checked) return checked.error();
  if (limits == ResourceLimits{}) return invalid("no limit is given");
  Object body;
  putLimits(limits, body);
  return stringified(body);
}

Result<std::string> execBody(const ExecSpec& spec) {
  if (spec.command.empty() || spec.command.front().empty()) return invalid("the command is empty");
  for (const std::string& word : spec.command)
    if (!isText(word)) return invalid("a word of the command is not UTF-8 text without NUL");
  if (!isText(spec.working_directory) || !isText(spec.user))
    return invalid("user or working directory is not UTF-8 text");
  if (auto checked = checkEnvironment(spec.environment); !checked) return checked.error();
  Object body;
  body.set("Cmd", array(spec.command));
  body.set("AttachStdout", true);
  body.set("AttachStderr", true);
  if (spec.standard_input) body.set("AttachStdin", true);
  if (spec.tty) body.set("Tty", true);
  if (!spec.environment.empty()) body.set("Env", environment(spec.environment));
  if (!spec.working_directory.empty()) body.set("WorkingDir", spec.working_directory);
  if (!spec.user.empty()) body.set("User", spec.user);
  return stringified(body);
}

std::string execStartBody(bool tty) {
  return tty ? R"({"Detach":false,"Tty":true})" : R"({"Detach":false,"Tty":false})";
}

Result<std::string> registryAuth(const RegistryCredentials& credentials) {
  for (const std::string* one : {&credentials.server, &credentials.username, &credentials.password})
    if (!isText(*one)) return invalid("the registry's credentials are not UTF-8 text");
  const std::string plain = "{\"username\":" + engine::jsonQuoted(credentials.username) +
                            ",\"password\":" + engine::jsonQuoted(credentials.password) +
                            ",\"serveraddress\":" + engine::jsonQuoted(credentials.server) + "}";
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  for (std::size_t i = 0; i < plain.size(); i += 3) {
    std::uint32_t bits = 0;
    const std::size_t count = std::min<std::size_t>(3, plain.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      bits = (bits << 8) | (k < count ? static_cast<unsigned char>(plain[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out += k <= count ? kDigits[(bits >> (18 - 6 * k)) & 63] : '=';
  }
  return out;
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
  if (auto checked = checkReference(reference); !checked) return checked.error();
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

Result<void> checkContainerId(const ContainerId& id) {
  if (isName(id.value, 1)) return {};
  return invalid("'" + id.value.substr(0, 64) + "' is neither the id nor the name of a container");
}

Result<void> checkReference(std::string_view reference) {
  const bool good =
      !reference.empty() && reference.size() <= 1024 && isAlphaNumeric(reference.front()) &&
      isAlphaNumeric(reference.back()) && reference.find("..") == std::string_view::npos &&
      reference.find("//") == std::string_view::npos &&
      reference.find("/.") == std::string_view::npos &&
      std::all_of(reference.begin(), reference.end(), [](char c) {
        return isAlphaNumeric(c) || std::string_view("_.-/:@").find(c) != std::string_view::npos;
      });
  if (good) return {};
  return invalid("'" + std::string(reference.substr(0, 64)) +
                 "' is not an image reference, as docker.io/library/busybox:1.36");
}

}  // namespace control::docker

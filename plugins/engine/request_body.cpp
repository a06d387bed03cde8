#include "engine/request_body.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <limits>
#include <sstream>

#include "engine/json.h"

namespace control::engine {

using Poco::JSON::Array;
using Poco::JSON::Object;

namespace {

constexpr std::size_t kMaxName = 255;

bool isAlphaNumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool isName(std::string_view text, std::size_t shortest) {
  return text.size() >= shortest && text.size() <= kMaxName && isAlphaNumeric(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return isAlphaNumeric(c) || c == '_' || c == '.' || c == '-'; });
}

bool isAddress(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

}  // namespace

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

Array environmentArray(const std::vector<std::pair<std::string, std::string>>& variables) {
  Array out;
  for (const auto& [name, value] : variables) out.add(name + "=" + value);
  return out;
}

std::int64_t wholeSeconds(Duration duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration).count();
}

namespace {

Result<void> checkEnvironment(const std::vector<std::pair<std::string, std::string>>& variables) {
  for (const auto& [name, value] : variables) {
    if (name.empty() || name.find('=') != std::string::npos || !isText(name))
      return Error::invalid("environment variable '" + name +
                            "': a name is not empty and has no '='");
    if (!isText(value))
      return Error::invalid("environment variable '" + name + "' is not UTF-8 text without NUL");
  }
  return {};
}

Result<void> checkTexts(const ContainerSpec& spec) {
  for (const auto* list : {&spec.entrypoint, &spec.command})
    for (const std::string& word : *list)
      if (!isText(word))
        return Error::invalid("a word of the command is not UTF-8 text without NUL");
  for (const auto* map : {&spec.labels, &spec.log_options})
    for (const auto& [key, value] : *map)
      if (key.empty() || !isText(key) || !isText(value))
        return Error::invalid("label or log option '" + key + "' is not UTF-8 text without NUL");
  for (const std::string* one : {&spec.working_directory, &spec.user, &spec.hostname})
    if (!isText(*one))
      return Error::invalid("user, host name or working directory is not UTF-8 text");
  if (!spec.working_directory.empty() && !spec.working_directory.starts_with('/'))
    return Error::invalid("the working directory must be absolute");
  return {};
}

Result<void> checkStop(const ContainerSpec& spec) {
  if (spec.stop_signal && (spec.stop_signal->number < 1 || spec.stop_signal->number > 64))
    return Error::invalid("the stop signal is from 1 to 64");
  if (spec.stop_timeout &&
      (*spec.stop_timeout < Duration::zero() ||
       wholeSeconds(*spec.stop_timeout) > std::numeric_limits<std::int32_t>::max()))
    return Error::invalid("the stop timeout must not be negative");
  return {};
}

Result<void> checkPorts(const ContainerSpec& spec) {
  if (spec.ports.empty()) return {};
  if (spec.network != NetworkMode::kDefault)
    return Error::invalid("ports cannot be mapped without a network of the container's own");
  for (const PortMapping& port : spec.ports) {
    if (port.container_port == 0) return Error::invalid("a container port is from 1 to 65535");
    if (!port.host_ip.empty() && !isAddress(port.host_ip))
      return Error::invalid("'" + port.host_ip.substr(0, 64) + "' is not an IP address");
  }
  return {};
}

Result<void> checkMount(const Mount& mount) {
  if (!isText(mount.source) || !isText(mount.target))
    return Error::invalid("a mount's path is not UTF-8 text");
  if (!mount.target.starts_with('/') || mount.target == "/")
    return Error::invalid("the target of a mount must be an absolute path that is not '/'");
  if (mount.type == Mount::Type::kBind && !mount.source.starts_with('/'))
    return Error::invalid("the source of a bind mount must be an absolute path");
  if (mount.type == Mount::Type::kVolume && !mount.source.empty() && !isName(mount.source, 2))
    return Error::invalid("'" + mount.source.substr(0, 64) + "' is not the name of a volume");
  if (mount.type == Mount::Type::kTmpfs && !mount.source.empty())
    return Error::invalid("a tmpfs mount has no source");
  return {};
}

Result<void> checkMounts(const std::vector<Mount>& mounts) {
  for (const Mount& mount : mounts)
    if (auto checked = checkMount(mount); !checked) return checked;
  return {};
}

Result<void> checkCapabilities(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    });
    if (!good)
      return Error::invalid("'" + name.substr(0, 64) + "' is not the name of a capability");
  }
  return {};
}

}  // namespace

Result<void> checkLimits(const ResourceLimits& limits) {
  // The engine takes 0 for "no limit": somebody's slip would lift all bounds.
  if (limits.memory_bytes && *limits.memory_bytes <= 0)
    return Error::invalid("the memory limit must be positive; leave it away for no limit");
  if (limits.memory_swap_bytes && *limits.memory_swap_bytes != -1 && *limits.memory_swap_bytes <= 0)
    return Error::invalid("the limit of memory and swap must be positive, or -1 for no limit");
  if (limits.nano_cpus && *limits.nano_cpus <= 0)
    return Error::invalid("the CPU limit must be positive; leave it away for no limit");
  if (limits.pids && *limits.pids <= 0)
    return Error::invalid("the limit of processes must be positive; leave it away for no limit");
  if (limits.io_weight && (*limits.io_weight < 10 || *limits.io_weight > 1000))
    return Error::invalid("the I/O weight is from 10 to 1000");
  return {};
}

Result<void> checkUpdate(const ResourceLimits& limits) {
  if (limits == ResourceLimits{}) return Error::invalid("no limit is given");
  return checkLimits(limits);
}

Result<void> checkLogOptions(const LogOptions& options) {
  if (!options.standard_output && !options.standard_error)
    return Error::invalid("neither standard output nor standard error is asked for");
  if (options.tail_lines && *options.tail_lines < 0)
    return Error::invalid("the number of lines must not be negative");
  return {};
}

Result<void> checkSpec(const ContainerSpec& spec) {
  if (!spec.name.empty() && !isName(spec.name, 2))
    return Error::invalid(
        "'" + spec.name.substr(0, 64) +
        "' is not a container name: 2 to 255 letters, digits, '_', '.', '-', the first "
        "a letter or digit");
  if (auto checked = checkReference(spec.image); !checked) return checked;
  if (auto checked = checkTexts(spec); !checked) return checked;
  if (auto checked = checkEnvironment(spec.environment); !checked) return checked;
  if (spec.log_limit_bytes && *spec.log_limit_bytes <= 0)
    return Error::invalid("the limit of the log is not positive");
  if (spec.log_limit_bytes && !(spec.log_driver.empty() && spec.log_options.empty()))
    return Error::invalid("a limit of the log goes without a log driver and log options");
  for (auto checked :
       {checkLimits(spec.limits), checkStop(spec), checkPorts(spec), checkMounts(spec.mounts),
        checkCapabilities(spec.drop_capabilities), checkCapabilities(spec.add_capabilities)})
    if (!checked) return checked;
  return {};
}

Result<std::string> execBody(const ExecSpec& spec) {
  if (spec.command.empty() || spec.command.front().empty())
    return Error::invalid("the command is empty");
  for (const std::string& word : spec.command)
    if (!isText(word)) return Error::invalid("a word of the command is not UTF-8 text without NUL");
  if (!isText(spec.working_directory) || !isText(spec.user))
    return Error::invalid("user or working directory is not UTF-8 text");
  if (auto checked = checkEnvironment(spec.environment); !checked) return checked.error();
  Object body;
  body.set("Cmd", array(spec.command));
  body.set("AttachStdout", true);
  body.set("AttachStderr", true);
  if (spec.standard_input) body.set("AttachStdin", true);
  if (spec.tty) body.set("Tty", true);
  if (!spec.environment.empty()) body.set("Env", environmentArray(spec.environment));
  if (!spec.working_directory.empty()) body.set("WorkingDir", spec.working_directory);
  if (!spec.user.empty()) body.set("User", spec.user);
  return stringified(body);
}

std::string execStartBody(bool tty) {
  return tty ? R"({"Detach":false,"Tty":true})" : R"({"Detach":false,"Tty":false})";
}

Result<std::string> registryAuth(const RegistryCredentials& credentials) {
  for (const std::string* one : {&credentials.server, &credentials.username, &credentials.password})
    if (!isText(*one)) return Error::invalid("the registry's credentials are not UTF-8 text");
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

std::string labelFilter(const std::map<std::string, std::string>& labels) {
  std::string out;
  for (const auto& [key, value] : labels)
    out += (out.empty() ? "" : ",") + engine::jsonQuoted(value.empty() ? key : key + "=" + value);
  return "\"label\":[" + out + "]";
}

bool isWholeId(std::string_view id) {
  return id.size() == 64 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Error noSuchContainer(std::string_view id) {
  return {.code = ErrorCode::kNotFound,
          .message = "no container has the id or the name '" + std::string(id.substr(0, 64)) + "'"};
}

Result<void> checkContainerId(const ContainerId& id) {
  if (isName(id.value, 1)) return {};
  return Error::invalid("'" + id.value.substr(0, 64) +
                        "' is neither the id nor the name of a container");
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
  return Error::invalid("'" + std::string(reference.substr(0, 64)) +
                        "' is not an image reference, as docker.io/library/busybox:1.36");
}

}  // namespace control::engine

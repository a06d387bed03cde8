#include "podman/podman_body.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>
#include <optional>

#include "engine/json.h"

namespace control::podman {
namespace {

using engine::array;
using engine::isText;
using engine::object;
using Poco::JSON::Array;
using Poco::JSON::Object;

constexpr std::int64_t kLeastMemoryBytes = 6 << 20;
constexpr std::int64_t kCpuPeriodMicros = 100'000;
constexpr std::int64_t kLeastQuotaMicros = 1000;
/// "json-file" is another name of k8s-file.
constexpr std::array<std::string_view, 4> kLogDrivers = {"k8s-file", "json-file", "journald",
                                                         "none"};

Result<void> checkLimits(const ResourceLimits& limits) {
  // Taken at create, and then the container cannot be started.
  if (limits.memory_bytes && *limits.memory_bytes < kLeastMemoryBytes)
    return Error::invalid("the memory limit must be at least 6 MiB");
  if (limits.memory_swap_bytes && *limits.memory_swap_bytes > 0 && limits.memory_bytes &&
      *limits.memory_swap_bytes < *limits.memory_bytes)
    return Error::invalid("the limit of memory and swap is less than that of memory alone");
  if (limits.nano_cpus && *limits.nano_cpus / 10'000 < kLeastQuotaMicros)
    return Error::invalid("the CPU limit must be at least 0.01 of a core");
  return {};
}

/// Resources in the form of the OCI runtime.
Object resources(const ResourceLimits& limits) {
  Object out;
  Object memory;
  if (limits.memory_bytes) memory.set("limit", *limits.memory_bytes);
  if (limits.memory_swap_bytes) memory.set("swap", *limits.memory_swap_bytes);
  if (memory.size() > 0) out.set("memory", memory);
  if (limits.nano_cpus) {
    Object cpu;
    cpu.set("quota", *limits.nano_cpus / (1'000'000'000 / kCpuPeriodMicros));
    cpu.set("period", kCpuPeriodMicros);
    out.set("cpu", cpu);
  }
  if (limits.pids) {
    Object pids;
    pids.set("limit", *limits.pids);
    out.set("pids", pids);
  }
  if (limits.io_weight) {
    Object block;
    block.set("weight", *limits.io_weight);
    out.set("blockIO", block);
  }
  return out;
}

void putLimits(const ResourceLimits& limits, Object& body) {
  ResourceLimits wanted = limits;
  // The engine has a limit of its own where none is asked for.
  if (!wanted.pids) wanted.pids = -1;
  body.set("resource_limits", resources(wanted));
}

void putPorts(const ContainerSpec& spec, Object& body) {
  static constexpr std::array<const char*, 3> kProtocols = {"tcp", "udp", "sctp"};
  if (spec.ports.empty()) return;
  Array list;
  std::string any;
  for (const PortMapping& port : spec.ports) {
    Object one;
    one.set("container_port", port.container_port);
    if (port.host_port != 0)
      one.set("host_port", port.host_port);
    else
      any += (any.empty() ? "" : ",") + std::to_string(port.container_port) + "/" +
             kProtocols.at(static_cast<std::size_t>(port.protocol));
    if (!port.host_ip.empty()) one.set("host_ip", port.host_ip);
    one.set("protocol", kProtocols.at(static_cast<std::size_t>(port.protocol)));
    list.add(one);
  }
  body.set("portmappings", list);
  if (any.empty()) return;
  // The engine chooses now, and does not say later that it was free to.
  Object annotations;
  annotations.set(kAnyHostPort, any);
  body.set("annotations", annotations);
}

void putMounts(const std::vector<Mount>& mounts, Object& body) {
  Array plain;
  Array volumes;
  for (const Mount& mount : mounts) {
    Object one;
    const bool volume = mount.type == Mount::Type::kVolume;
    std::vector<std::string> options;
    if (mount.type == Mount::Type::kBind) options.emplace_back("rbind");
    if (mount.read_only) options.emplace_back("ro");
    if (volume) {
      one.set("Name", mount.source);
    } else {
      const bool bind = mount.type == Mount::Type::kBind;
      one.set("type", bind ? "bind" : "tmpfs");
      one.set("source", bind ? mount.source : "tmpfs");
    }
    one.set(volume ? "Dest" : "destination", mount.target);
    if (!options.empty()) one.set(volume ? "Options" : "options", array(options));
    (volume ? volumes : plain).add(one);
  }
  if (plain.size() > 0) body.set("mounts", plain);
  if (volumes.size() > 0) body.set("volumes", volumes);
}

/// "10m" to bytes.
std::optional<std::int64_t> sizeOf(const std::string& text) {
  std::int64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{} || number <= 0) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(last - end));
  int shift = -1;
  if (unit.empty() || unit == "b") shift = 0;
  if (unit == "k" || unit == "kb") shift = 10;
  if (unit == "m" || unit == "mb") shift = 20;
  if (unit == "g" || unit == "gb") shift = 30;
  if (shift < 0 || number > (std::numeric_limits<std::int64_t>::max() >> shift))
    return std::nullopt;
  return number << shift;
}

Result<void> putLogging(const ContainerSpec& spec, Object& body) {
  const std::string driver = spec.log_driver.empty() ? "k8s-file" : spec.log_driver;
  if (std::find(kLogDrivers.begin(), kLogDrivers.end(), driver) == kLogDrivers.end())
    return Error::invalid("unknown log driver '" + driver.substr(0, 64) +
                          "'; known: k8s-file, json-file, journald, none");
  Object logging;
  logging.set("driver", driver);
  if (spec.log_limit_bytes) logging.set("size", *spec.log_limit_bytes);
  Object options;
  for (const auto& [key, value] : spec.log_options) {
    if (key == "max-size") {
      const auto size = sizeOf(value);
      if (!size) return Error::invalid("log option max-size is a number of bytes, as 10m");
      logging.set("size", *size);
    } else if (key == "tag") {
      options.set(key, value);
    } else {
      return Error::invalid("log option '" + key.substr(0, 64) +
                            "' is unknown to Podman; known: max-size, tag");
    }
  }
  if (options.size() > 0) logging.set("options", options);
  body.set("log_configuration", logging);
  return {};
}

Result<void> putEngineOptions(const std::map<std::string, std::string>& options, Object& body) {
  for (const auto& [key, value] : options) {
    if (key != "cgroup_parent")
      return Error::invalid("engine option '" + key.substr(0, 64) +
                            "' is unknown to Podman; known: cgroup_parent");
    if (!isText(value) || value.empty())
      return Error::invalid("engine option '" + key + "' has no value");
    body.set(key, value);
  }
  return {};
}

void putProcess(const ContainerSpec& spec, Object& body) {
  if (!spec.name.empty()) body.set("name", spec.name);
  body.set("image", spec.image);
  if (!spec.entrypoint.empty()) body.set("entrypoint", array(spec.entrypoint));
  if (!spec.command.empty()) body.set("command", array(spec.command));
  Object environment;
  for (const auto& [name, value] : spec.environment) environment.set(name, value);
  if (environment.size() > 0) body.set("env", environment);
  if (!spec.labels.empty()) body.set("labels", object(spec.labels));
  if (!spec.working_directory.empty()) {
    body.set("work_dir", spec.working_directory);
    body.set("create_working_dir", true);
  }
  if (!spec.user.empty()) body.set("user", spec.user);
  if (!spec.hostname.empty()) body.set("hostname", spec.hostname);
  if (spec.tty) body.set("terminal", true);
  if (spec.open_stdin) body.set("stdin", true);
  if (spec.stop_signal) body.set("stop_signal", spec.stop_signal->number);
  if (spec.stop_timeout) body.set("stop_timeout", engine::wholeSeconds(*spec.stop_timeout));
}

void putNetwork(NetworkMode mode, Object& body) {
  if (mode == NetworkMode::kDefault) return;
  Object network;
  network.set("nsmode", mode == NetworkMode::kNone ? "none" : "host");
  body.set("netns", network);
}

void putSafety(const ContainerSpec& spec, Object& body) {
  if (spec.no_new_privileges) body.set("no_new_privileges", true);
  if (spec.init) body.set("init", true);
  if (spec.read_only_root) body.set("read_only_filesystem", true);
  if (!spec.drop_capabilities.empty()) body.set("cap_drop", array(spec.drop_capabilities));
  if (!spec.add_capabilities.empty()) body.set("cap_add", array(spec.add_capabilities));
}

}  // namespace

Result<std::string> createBody(const ContainerSpec& spec) {
  if (auto checked = engine::checkSpec(spec); !checked) return checked.error();
  if (auto checked = checkLimits(spec.limits); !checked) return checked.error();
  if (spec.limits.memory_swap_bytes && !spec.limits.memory_bytes)
    return Error::invalid("a limit of memory and swap needs a memory limit");
  Object body;
  putProcess(spec, body);
  putNetwork(spec.network, body);
  putSafety(spec, body);
  putLimits(spec.limits, body);
  putPorts(spec, body);
  putMounts(spec.mounts, body);
  for (auto put : {putLogging(spec, body), putEngineOptions(spec.engine_options, body)})
    if (!put) return put.error();
  return engine::stringified(body);
}

Result<std::string> updateBody(const ResourceLimits& limits) {
  if (auto checked = engine::checkUpdate(limits); !checked) return checked.error();
  if (auto checked = checkLimits(limits); !checked) return checked.error();
  return engine::stringified(resources(limits));
}

std::string listFilters(const ListFilter& filter) {
  // States have other words there: the caller compares them.
  return filter.labels.empty() ? std::string() : "{" + engine::labelFilter(filter.labels) + "}";
}

std::string eventFilters(const EventFilter& filter) {
  // Of a label without a value engines, 4.3 for one, deliver nothing.
  auto labels = filter.labels;
  std::erase_if(labels, [](const auto& label) { return label.second.empty(); });
  return R"({"type":["container"])" + (labels.empty() ? "" : "," + engine::labelFilter(labels)) +
         "}";
}

std::string timeText(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%09lldZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<long long>(clock.subseconds().count()));
  return text;
}

}  // namespace control::podman

#include "mock/mock_spec.h"

#include <algorithm>

#include "mock/mock_error.h"
#include "mock/mock_images.h"

namespace control::mock {
namespace {

constexpr std::int64_t kLeastMemory = 6 << 20;

Result<void> checkMounts(const std::vector<Mount>& mounts) {
  for (const Mount& mount : mounts) {
    if (!mount.target.starts_with('/'))
      return Error::invalid("mount target '" + mount.target + "' is not an absolute path");
    if (mount.type == Mount::Type::kBind && !mount.source.starts_with('/'))
      return Error::invalid("mount source '" + mount.source + "' is not an absolute path");
  }
  return {};
}

}  // namespace

bool isContainerName(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return name.size() >= 2 && plain(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

Result<void> checkContainerName(const std::string& name) {
  if (isContainerName(name)) return {};
  return Error::invalid("container name '" + name +
                        "': use at least two characters: a letter or digit, then letters, digits, "
                        "'_', '.' and '-'");
}

Result<void> checkSignal(Signal signal) {
  if (signal.number >= 1 && signal.number <= 64) return {};
  return Error::invalid("signal " + std::to_string(signal.number) + " is not one: use 1 to 64");
}

Result<void> checkLimits(const ResourceLimits& limits) {
  if (limits.memory_bytes && *limits.memory_bytes < kLeastMemory)
    return Error::invalid("the memory limit is at least 6 MiB");
  if (limits.memory_bytes && limits.memory_swap_bytes && *limits.memory_swap_bytes >= 0 &&
      *limits.memory_swap_bytes < *limits.memory_bytes)
    return Error::invalid("memory plus swap cannot be less than the memory limit");
  if (limits.nano_cpus && *limits.nano_cpus <= 0)
    return Error::invalid("the CPU limit is more than 0");
  if (limits.io_weight && (*limits.io_weight < 10 || *limits.io_weight > 1000))
    return Error::invalid("the I/O weight is from 10 to 1000");
  return {};
}

Result<void> checkSpec(const ContainerSpec& spec) {
  if (!spec.name.empty())
    if (auto checked = checkContainerName(spec.name); !checked) return checked;
  if (auto checked = checkReference(spec.image); !checked) return checked;
  if (!spec.engine_options.empty())
    return Error::invalid("unknown engine option '" + spec.engine_options.begin()->first +
                          "': the mock engine takes none");
  if (spec.stop_timeout && *spec.stop_timeout < Duration::zero())
    return Error::invalid("a stop timeout is 0 or more");
  for (const auto& [key, value] : spec.environment)
    if (key.empty() || key.find('=') != std::string::npos)
      return Error::invalid("environment name '" + key + "' is not one");
  for (const PortMapping& port : spec.ports)
    if (port.container_port == 0) return Error::invalid("a container port is from 1 to 65535");
  if (spec.log_limit_bytes && *spec.log_limit_bytes <= 0)
    return Error::invalid("log_limit_bytes is 1 or more");
  if (spec.log_limit_bytes && !(spec.log_driver.empty() && spec.log_options.empty()))
    return Error::invalid("log_limit_bytes goes without a log driver and its options");
  if (auto checked = checkMounts(spec.mounts); !checked) return checked;
  return checkLimits(spec.limits);
}

std::string wordsOf(const ContainerSpec& spec) {
  return spec.name.empty() ? "a container without a name" : "container '" + spec.name + "'";
}

ResourceLimits mergedLimits(ResourceLimits present, const ResourceLimits& changes) {
  // The limit is memory plus swap and follows: what there is of swap stays.
  if (changes.memory_bytes && present.memory_swap_bytes.value_or(0) > 0) {
    const std::int64_t swap = *present.memory_swap_bytes - present.memory_bytes.value_or(0);
    present.memory_swap_bytes = swap > 0 && *changes.memory_bytes > INT64_MAX - swap
                                    ? INT64_MAX
                                    : *changes.memory_bytes + swap;
  }
  if (changes.memory_bytes) present.memory_bytes = changes.memory_bytes;
  if (changes.memory_swap_bytes) present.memory_swap_bytes = changes.memory_swap_bytes;
  if (changes.nano_cpus) present.nano_cpus = changes.nano_cpus;
  if (changes.pids) present.pids = changes.pids;
  if (changes.io_weight) present.io_weight = changes.io_weight;
  return present;
}

std::vector<std::string> commandLine(const ContainerSpec& spec) {
  std::vector<std::string> argv = spec.entrypoint;
  argv.insert(argv.end(), spec.command.begin(), spec.command.end());
  return argv;
}

bool labelsMatch(const std::map<std::string, std::string>& wanted,
                 const std::map<std::string, std::string>& labels) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& want) {
    const auto found = labels.find(want.first);
    return found != labels.end() && (want.second.empty() || want.second == found->second);
  });
}

}  // namespace control::mock

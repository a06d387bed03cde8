#include "agent/actions/policy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <span>
#include <system_error>

#include "agent/actions/image_reference.h"
#include "agent/actions/limits.h"
#include "agent/descriptor.h"
#include "agent/panel/fields.h"
#include "agent/panel/refusal.h"

namespace agent {
namespace {

using control::Error;
using control::ErrorCode;
using control::Result;

constexpr std::size_t kLargestPolicy = 1024 * 1024;
constexpr std::array<std::string_view, 8> kKeys = {"images",  "ports",      "maxMemory",   "maxCpu",
                                                   "maxPids", "maxServers", "stopSignals", "disk"};
constexpr std::array<std::string_view, 2> kDiskKeys = {"reserve", "onExceeded"};

// ---- Images ----

/// Engines take a bare run of hexadecimal digits for the id of whatever image they have.
bool couldBeAnId(std::string_view image) {
  return image.starts_with("sha256:") ||
         (image.size() <= 64 &&
          image.find_first_not_of("0123456789abcdef") == std::string_view::npos);
}

bool isStars(std::string_view pattern) {
  return !pattern.empty() && pattern.find_first_not_of('*') == std::string_view::npos;
}

/// As images are named in full. "*" and "*:1" are of every registry.
std::string fullPattern(const std::string& pattern) {
  return isStars(repositoryOf(pattern)) ? pattern : fullReference(pattern);
}

/// `*` stands for any characters. Linear in both: only the last star is ever tried again.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resumed = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resumed = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resumed;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// ---- The file ----

std::vector<std::string> readTexts(const Fields& fields, std::string_view name) {
  std::vector<std::string> texts;
  const Json* field = fields.find(name);
  if (field == nullptr) return texts;
  if (field->elements() == nullptr || field->elements()->empty())
    fields.refuse(name, "must be a list of texts that is not empty; leave it out to allow all");
  for (const Json& element : *field->elements()) {
    if (element.text() == nullptr || element.text()->empty())
      fields.refuse(name, "must be a list of texts");
    texts.push_back(*element.text());
  }
  return texts;
}

/// "someone*/game" is of registries to us, and of users of Docker to whoever writes it.
void requireClearRegistry(const Fields& fields, const std::string& pattern) {
  const std::string first = pattern.substr(0, pattern.find('/'));
  if (first.size() == pattern.size() || isStars(first) || first.find('*') == std::string::npos ||
      first.find_first_of(".:") != std::string::npos)
    return;
  fields.refuse("images",
                "must name the registry of \"" + pattern + "\", as \"docker.io/" + pattern + '"');
}

std::optional<int> parsePort(std::string_view text) {
  int port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
  return whole && port >= 1 && port <= 65535 ? std::optional(port) : std::nullopt;
}

Policy::PortRange readRange(const Fields& fields, std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parsePort(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parsePort(text.substr(dash + 1));
  if (!first || !last || *first > *last)
    fields.refuse("ports", "must be ports or ranges as \"25565\" or \"27000-27100\", not \"" +
                               std::string(text) + '"');
  return {*first, *last};
}

control::Signal readSignal(const Fields& fields, const std::string& text) {
  const auto signal = control::Signal::parse(text);
  if (!signal) fields.refuse("stopSignals", "must be names of signals, not \"" + text + '"');
  return *signal;
}

void requireKnown(const Fields& fields, std::span<const std::string_view> keys) {
  for (const auto& [key, value] : *fields.value()->members())
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      std::string known;
      for (const std::string_view one : keys)
        known += (known.empty() ? "" : ", ") + std::string(one);
      fields.refuse(key, "is unknown; known are " + known);
    }
}

void readDisk(const Fields& fields, Policy& policy) {
  if (!fields.present()) return;
  requireKnown(fields, kDiskKeys);
  policy.disk_reserve_bytes = readSize(fields, "reserve");
  const std::string action = fields.text("onExceeded").value_or("event");
  if (action != "event" && action != "stop")
    fields.refuse("onExceeded", "must be \"event\" or \"stop\"");
  if (action == "stop") policy.on_disk_exceeded = Policy::OnDiskExceeded::kStop;
}

Policy readPolicy(const Json& json) {
  const Fields fields(&json, "policy");
  requireKnown(fields, kKeys);
  Policy policy;
  policy.images = readTexts(fields, "images");
  for (const std::string& pattern : policy.images) requireClearRegistry(fields, pattern);
  for (const std::string& range : readTexts(fields, "ports"))
    policy.host_ports.push_back(readRange(fields, range));
  for (const std::string& signal : readTexts(fields, "stopSignals"))
    policy.stop_signals.push_back(readSignal(fields, signal));
  policy.most_memory_bytes = readSize(fields, "maxMemory");
  policy.most_nano_cpus = readCpu(fields, "maxCpu");
  policy.most_pids = fields.integer("maxPids", 1, 4'194'304);
  if (policy.most_memory_bytes == 0 || policy.most_nano_cpus == 0)
    fields.refuse(policy.most_memory_bytes == 0 ? "maxMemory" : "maxCpu",
                  "must not be 0; leave it out for no ceiling");
  if (policy.most_memory_bytes && *policy.most_memory_bytes < kLeastMemoryBytes)
    fields.refuse("maxMemory", "must be at least 6 MiB, below which no server can be created");
  if (const auto servers = fields.integer("maxServers", 0, 1'000'000))
    policy.most_servers = static_cast<std::size_t>(*servers);
  readDisk(fields.object("disk"), policy);
  return policy;
}

Result<void> requireOwn(int fd, const std::string& what) {
  struct stat status {};
  if (::fstat(fd, &status) != 0)
    return Error::invalid(what + " cannot be looked at: " + std::generic_category().message(errno));
  if (status.st_uid != 0 && status.st_uid != ::geteuid())
    return Error::invalid(what + " belongs to user " + std::to_string(status.st_uid) +
                          "; it must belong to root");
  const bool sticky_folder = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
  if ((status.st_mode & 022) != 0 && !sticky_folder)
    return Error::invalid(what + " is writable by others; chmod go-w it");
  return {};
}

// ---- Limits ----

[[noreturn]] void refuse(const std::string& reason) { throw Refusal("POLICY_VIOLATION", reason); }

void applyCeiling(std::optional<std::int64_t>& value, const std::optional<std::int64_t>& ceiling,
                  const char* name, const std::string& shown_ceiling) {
  if (!ceiling) return;
  if (value && *value > *ceiling)
    refuse(std::string("payload.limits.") + name + " is more than this host allows: at most " +
           shown_ceiling);
  if (!value) value = ceiling;
}

void applyLimits(const Policy& policy, control::ResourceLimits& limits) {
  applyCeiling(limits.memory_bytes, policy.most_memory_bytes, "memory",
               std::to_string(policy.most_memory_bytes.value_or(0)) + " bytes");
  applyCeiling(
      limits.nano_cpus, policy.most_nano_cpus, "cpu",
      std::to_string(policy.most_nano_cpus.value_or(0) / 10'000'000) + " percent of one core");
  applyCeiling(limits.pids, policy.most_pids, "pids", std::to_string(policy.most_pids.value_or(0)));
  // Swap without end would be memory without end.
  if (policy.most_memory_bytes && !limits.memory_swap_bytes)
    limits.memory_swap_bytes = limits.memory_bytes;
  if (policy.most_memory_bytes &&
      (*limits.memory_swap_bytes == -1 ||
       *limits.memory_swap_bytes - limits.memory_bytes.value_or(0) > *policy.most_memory_bytes))
    refuse("payload.limits.swap is more than this host allows: at most " +
           std::to_string(*policy.most_memory_bytes) + " bytes beside the memory");
}

void requireAllowedPort(const Policy& policy, int port) {
  if (policy.host_ports.empty()) return;
  std::string allowed;
  for (const auto& [first, last] : policy.host_ports) {
    if (port >= first && port <= last) return;
    allowed += (allowed.empty() ? "" : ", ") + std::to_string(first);
    if (last != first) allowed += '-' + std::to_string(last);
  }
  refuse("host port " + (port == 0 ? "0 (any)" : std::to_string(port)) +
         " is not allowed on this host; allowed are " + allowed);
}

}  // namespace

bool Policy::allowsImage(std::string_view image) const {
  if (images.empty() || std::any_of(images.begin(), images.end(), isStars)) return true;
  if (couldBeAnId(image)) return false;
  const std::string full = fullReference(image);
  return std::any_of(images.begin(), images.end(), [&](const std::string& one) {
    const std::string pattern = fullPattern(one);
    const bool has_tag = repositoryOf(pattern).size() != pattern.size();
    return matches(pattern, has_tag ? std::string_view(full) : repositoryOf(full));
  });
}

Result<Policy> parsePolicy(std::string_view text) {
  const JsonReading reading = readJsonObject(text);
  if (!reading.value) return Error::invalid("is no JSON object: " + reading.problem);
  try {
    return readPolicy(*reading.value);
  } catch (const Refusal& refusal) {
    return Error::invalid(refusal.message());
  }
}

Result<Policy> readPolicyFile(const std::string& path) {
  const Descriptor folder(
      ::open(std::filesystem::path(path).parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return Error::invalid("cannot be read: " + std::generic_category().message(errno));
  if (folder)
    if (auto own = requireOwn(folder.get(), "its folder"); !own) return own.error();
  if (auto own = requireOwn(file.get(), "it"); !own) return own.error();
  std::string text(kLargestPolicy + 1, '\0');
  std::size_t size = 0;
  for (;;) {
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0)
      return Error::invalid("cannot be read: " + std::generic_category().message(errno));
    size += static_cast<std::size_t>(count);
    if (count == 0 || size == text.size()) break;
  }
  if (size > kLargestPolicy) return Error::invalid("is larger than 1 MiB");
  return parsePolicy(std::string_view(text).substr(0, size));
}

void requireAllowedImage(const Policy& policy, const std::string& image) {
  if (policy.allowsImage(image)) return;
  std::string allowed;
  for (const std::string& one : policy.images)
    allowed += (allowed.empty() ? "" : ", ") + fullPattern(one);
  refuse("image '" + image + "' is not allowed on this host; allowed are " + allowed);
}

void requireAllowedSignal(const Policy& policy, const std::optional<control::Signal>& signal) {
  const auto& allowed = policy.stop_signals;
  if (!signal || allowed.empty() ||
      std::find(allowed.begin(), allowed.end(), *signal) != allowed.end())
    return;
  std::string names;
  for (const control::Signal& one : allowed) names += (names.empty() ? "" : ", ") + one.name();
  refuse("signal " + signal->name() + " is not allowed on this host; allowed are " + names);
}

void applyPolicy(const Policy& policy, control::ContainerSpec& spec) {
  requireAllowedImage(policy, spec.image);
  requireAllowedSignal(policy, spec.stop_signal);
  for (const control::PortMapping& port : spec.ports) requireAllowedPort(policy, port.host_port);
  applyLimits(policy, spec.limits);
}

/// What an update leaves alone was allowed before, or the operator's policy changed since: then the
/// container that is made anew is held to it as it is now.
void applyPolicy(const Policy& policy, control::EntryUpdate& update) {
  control::ResourceLimits asked = update.limits;
  applyLimits(policy, asked);  // refuses; what was not given stays not given
  if (!update.respec) return;
  update.respec = [policy, change = std::move(update.respec)](
                      control::ContainerSpec current) -> Result<control::ContainerSpec> {
    auto changed = change(std::move(current));
    if (!changed) return changed;
    try {
      applyPolicy(policy, *changed);
      return changed;
    } catch (const Refusal& refusal) {
      return Error{ErrorCode::kPermissionDenied, control::Effect::kNone, refusal.message()};
    }
  };
}

}  // namespace agent

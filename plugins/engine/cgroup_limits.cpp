#include "engine/cgroup_limits.h"

#include <charconv>
#include <cstdint>
#include <string>

#include "engine/cgroup_place.h"
#include "engine/cgroup_text.h"
#include "engine/descriptor.h"

namespace control::engine {
namespace {

constexpr std::int64_t kSecondNanos = 1'000'000'000;
constexpr std::size_t kMostPlaces = 4096;

/// The files of a container's cgroups.
class Files {
 public:
  explicit Files(const CgroupPlaces& places) : places_(places) {}

  /// Without the newline at its end; empty where there is no such file.
  std::string text(std::string_view controller, const char* v1_file, const char* v2_file) {
    const auto place = places_.of(controller);
    const char* const name = !place ? nullptr : place->unified ? v2_file : v1_file;
    if (name == nullptr) return {};
    FileText file = readFile(place->directory + "/" + name);
    missed_ = missed_ || file.error != 0;
    while (file.text.ends_with('\n')) file.text.pop_back();
    return std::move(file.text);
  }

  std::optional<CgroupPlace> of(std::string_view controller) const {
    return places_.of(controller);
  }
  /// Whether one was not there: a kernel without it, or the container has ended.
  bool missed() const noexcept { return missed_; }

 private:
  const CgroupPlaces& places_;
  bool missed_ = false;
};

std::optional<std::int64_t> asSigned(std::optional<std::uint64_t> value) {
  if (!value || *value > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

bool isMax(std::string_view text) { return text.starts_with("max"); }

void readMemory(Files& files, ResourceLimits& limits) {
  const auto place = files.of("memory");
  if (!place) return;
  if (!place->unified) {
    limits.memory_bytes =
        asSigned(parseLimitV1(files.text("memory", "memory.limit_in_bytes", nullptr)));
    const std::string swap = files.text("memory", "memory.memsw.limit_in_bytes", nullptr);
    if (swap.empty() || !limits.memory_bytes) return;
    limits.memory_swap_bytes = asSigned(parseLimitV1(swap)).value_or(-1);
    return;
  }
  limits.memory_bytes = asSigned(parseCount(files.text("memory", nullptr, "memory.max")));
  const std::string swap = files.text("memory", nullptr, "memory.swap.max");
  if (swap.empty() || !limits.memory_bytes) return;
  const auto beside = asSigned(parseCount(swap));
  limits.memory_swap_bytes = isMax(swap) || !beside ? -1 : *limits.memory_bytes + *beside;
}

/// "50000 100000"
void readQuota(std::string_view text, ResourceLimits& limits) {
  std::int64_t quota = 0;
  std::int64_t period = 0;
  const char* const last = text.data() + text.size();
  const auto first = std::from_chars(text.data(), last, quota);
  if (first.ec != std::errc{} || first.ptr == last) return;
  const auto second = std::from_chars(first.ptr + 1, last, period);
  if (second.ec != std::errc{} || quota <= 0 || period <= 0) return;
  limits.nano_cpus = quota * (kSecondNanos / 1000) / period * 1000;
}

ResourceLimits readAll(Files& files) {
  ResourceLimits limits;
  readMemory(files, limits);
  limits.pids = asSigned(parseCount(files.text("pids", "pids.max", "pids.max")));
  const auto cpu = files.of("cpu");
  if (cpu && cpu->unified) readQuota(files.text("cpu", nullptr, "cpu.max"), limits);
  if (cpu && !cpu->unified) {
    const std::string quota = files.text("cpu", "cpu.cfs_quota_us", nullptr);
    if (!quota.starts_with('-'))
      readQuota(quota + " " + files.text("cpu", "cpu.cfs_period_us", nullptr), limits);
  }
  return limits;
}

}  // namespace

CgroupLimits::Places CgroupLimits::placesOf(const std::string& container_id) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(container_id);
  return found == places_.end() ? nullptr : found->second;
}

void CgroupLimits::forget(const std::string& container_id) {
  const std::lock_guard lock(mutex_);
  places_.erase(container_id);
}

Result<ResourceLimits> CgroupLimits::read(int pid, const std::string& container_id) {
  // They carry the container's id: what is there is its own.
  if (const Places known = placesOf(container_id)) {
    Files files(*known);
    const ResourceLimits limits = readAll(files);
    if (!files.missed()) return limits;
    forget(container_id);
  }
  Result<CgroupPlaces> found = CgroupPlaces::find(pid, container_id, roots_);
  if (!found) return found.error();
  const auto places = std::make_shared<const CgroupPlaces>(std::move(*found));
  Files files(*places);
  const ResourceLimits limits = readAll(files);
  if (files.missed()) {
    if (const Result<void> checked = checkContainerOf(pid, container_id, roots_); !checked)
      return checked.error();
    return limits;
  }
  const std::lock_guard lock(mutex_);
  if (places_.size() >= kMostPlaces) places_.clear();
  places_[container_id] = places;
  return limits;
}

}  // namespace control::engine

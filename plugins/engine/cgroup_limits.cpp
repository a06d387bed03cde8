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

std::string textOf(const CgroupPlaces& places, std::string_view controller, const char* v1_file,
                   const char* v2_file) {
  const auto place = places.of(controller);
  const char* const name = !place ? nullptr : place->unified ? v2_file : v1_file;
  if (name == nullptr) return {};
  std::string text = readFile(place->directory + "/" + name).text;
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::optional<std::int64_t> asSigned(std::optional<std::uint64_t> value) {
  if (!value || *value > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

bool isMax(std::string_view text) { return text.starts_with("max"); }

void readMemory(const CgroupPlaces& places, ResourceLimits& limits) {
  const auto place = places.of("memory");
  if (!place) return;
  if (!place->unified) {
    limits.memory_bytes =
        asSigned(parseLimitV1(textOf(places, "memory", "memory.limit_in_bytes", nullptr)));
    const std::string swap = textOf(places, "memory", "memory.memsw.limit_in_bytes", nullptr);
    if (swap.empty() || !limits.memory_bytes) return;
    limits.memory_swap_bytes = asSigned(parseLimitV1(swap)).value_or(-1);
    return;
  }
  limits.memory_bytes = asSigned(parseCount(textOf(places, "memory", nullptr, "memory.max")));
  const std::string swap = textOf(places, "memory", nullptr, "memory.swap.max");
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

}  // namespace

Result<ResourceLimits> readCgroupLimits(int pid, std::string_view container_id,
                                        const HostRoots& roots) {
  const Result<CgroupPlaces> places = CgroupPlaces::find(pid, container_id, roots);
  if (!places) return places.error();
  ResourceLimits limits;
  readMemory(*places, limits);
  limits.pids = asSigned(parseCount(textOf(*places, "pids", "pids.max", "pids.max")));
  const auto cpu = places->of("cpu");
  if (cpu && cpu->unified) readQuota(textOf(*places, "cpu", nullptr, "cpu.max"), limits);
  if (cpu && !cpu->unified)
    readQuota(textOf(*places, "cpu", "cpu.cfs_quota_us", nullptr) + " " +
                  textOf(*places, "cpu", "cpu.cfs_period_us", nullptr),
              limits);
  if (const Result<void> checked = checkContainerOf(pid, container_id, roots); !checked)
    return checked.error();
  return limits;
}

}  // namespace control::engine

#include "engine/cgroup_limits.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "engine/cgroup_file.h"
#include "engine/cgroup_place.h"
#include "engine/cgroup_text.h"

namespace control::engine {
namespace {

constexpr std::int64_t kSecondNanos = 1'000'000'000;
constexpr std::size_t kTidyAtFirst = 64;

/// Which file of which controller holds a limit.
struct LimitSource {
  const char* controller;
  const char* v1_file;
  const char* v2_file;  ///< none: another source's file holds it
};
enum Limit { kMemory, kSwap, kPids, kQuota, kPeriod, kLimitCount };
constexpr std::array<LimitSource, kLimitCount> kLimitSources = {{
    {"memory", "memory.limit_in_bytes", "memory.max"},
    {"memory", "memory.memsw.limit_in_bytes", "memory.swap.max"},
    {"pids", "pids.max", "pids.max"},
    {"cpu", "cpu.cfs_quota_us", "cpu.max"},
    {"cpu", "cpu.cfs_period_us", nullptr},
}};

/// A file's text; empty where there is no such file.
struct LimitText {
  std::string text;
  bool unified = false;  ///< cgroup v2
};
using LimitTexts = std::array<LimitText, kLimitCount>;

std::optional<std::int64_t> asSigned(std::optional<std::uint64_t> value) {
  if (!value || *value > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

void parseMemory(const LimitText& memory, const std::string& swap, ResourceLimits& limits) {
  limits.memory_bytes =
      asSigned(memory.unified ? parseCount(memory.text) : parseLimitV1(memory.text));
  if (swap.empty() || !limits.memory_bytes) return;
  const auto value = asSigned(memory.unified ? parseCount(swap) : parseLimitV1(swap));
  // That of v2 is on top of the memory, that of v1 is both together.
  limits.memory_swap_bytes = !value ? -1 : memory.unified ? *limits.memory_bytes + *value : *value;
}

/// "50000 100000"
void parseQuota(std::string_view text, ResourceLimits& limits) {
  std::int64_t quota = 0;
  std::int64_t period = 0;
  const char* const last = text.data() + text.size();
  const auto first = std::from_chars(text.data(), last, quota);
  if (first.ec != std::errc{} || first.ptr == last) return;
  const auto second = std::from_chars(first.ptr + 1, last, period);
  if (second.ec != std::errc{} || quota <= 0 || period <= 0) return;
  limits.nano_cpus = quota * (kSecondNanos / 1000) / period * 1000;
}

ResourceLimits parse(const LimitTexts& texts) {
  ResourceLimits limits;
  parseMemory(texts[kMemory], texts[kSwap].text, limits);
  limits.pids = asSigned(parseCount(texts[kPids].text));
  const LimitText& quota = texts[kQuota];
  parseQuota(quota.unified ? quota.text : quota.text + " " + texts[kPeriod].text, limits);
  return limits;
}

}  // namespace

/// The files of one run of a container.
class CgroupLimits::Files {
 public:
  static Result<Kept> open(int pid, const std::string& container_id, const HostRoots& roots) {
    const Result<CgroupPlaces> places = CgroupPlaces::find(pid, container_id, roots);
    if (!places) return places.error();
    auto files = std::make_shared<Files>();
    for (std::size_t i = 0; i < kLimitCount; ++i)
      if (const int error = files->openOne(i, *places); isExhausted(error))
        return systemError(error, "cgroup files of process " + std::to_string(pid));
    // The process may have ended, and its id been given away, since its cgroups were looked up.
    if (auto checked = checkContainerOf(pid, container_id, roots); !checked) return checked.error();
    if (std::none_of(files->held_.begin(), files->held_.end(), [](auto& one) { return !!one; }))
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "no controller limits the container's cgroup"};
    return Kept(std::move(files));
  }

  /// Nothing: the run is over, or there are no descriptors to read with.
  std::optional<ResourceLimits> read() const {
    LimitTexts texts;
    CgroupBuffer buffer;
    for (std::size_t i = 0; i < kLimitCount; ++i) {
      if (!held_[i]) continue;
      CgroupText read = held_[i]->file.read(buffer);
      if (isGone(read.error) || isExhausted(read.error)) return std::nullopt;
      while (read.text.ends_with('\n')) read.text.remove_suffix(1);
      texts[i] = {std::string(read.text), held_[i]->unified};
    }
    return parse(texts);
  }

 private:
  struct Held {
    CgroupFile file;
    bool unified;
  };

  /// The errno value, or 0.
  int openOne(std::size_t which, const CgroupPlaces& places) {
    const LimitSource& source = kLimitSources[which];
    const auto place = places.of(source.controller);
    const char* const name = !place ? nullptr : place->unified ? source.v2_file : source.v1_file;
    if (name == nullptr) return 0;
    CgroupFile file(place->directory + "/" + name);
    const int error = file.open(share_.generous());
    if (error == 0) held_[which] = Held{std::move(file), place->unified};
    return error;
  }

  KeptDescriptors share_{kLimitCount, 0};
  std::array<std::optional<Held>, kLimitCount> held_{};
};

CgroupLimits::CgroupLimits(HostRoots roots) : roots_(std::move(roots)), tidy_at_(kTidyAtFirst) {}
CgroupLimits::~CgroupLimits() = default;

CgroupLimits::Kept CgroupLimits::known(const std::string& container_id) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(container_id);
  return found == kept_.end() ? nullptr : found->second;
}

void CgroupLimits::keep(const std::string& container_id, Kept files) {
  const std::lock_guard lock(mutex_);
  if (kept_.size() >= tidy_at_) {
    std::erase_if(kept_, [](const auto& one) { return !one.second->read(); });
    tidy_at_ = std::max(kTidyAtFirst, 2 * kept_.size());
  }
  kept_[container_id] = std::move(files);
}

void CgroupLimits::forget(const std::string& container_id) {
  const std::lock_guard lock(mutex_);
  kept_.erase(container_id);
}

Result<ResourceLimits> CgroupLimits::read(int pid, const std::string& container_id) {
  if (const Kept files = known(container_id)) {
    if (const auto limits = files->read()) return *limits;
    forget(container_id);
  }
  const Result<Kept> files = Files::open(pid, container_id, roots_);
  if (!files) return files.error();
  const auto limits = (*files)->read();
  if (!limits)
    return Error{.code = ErrorCode::kNotFound,
                 .message = "the limits of " + container_id + " cannot be read: it has just ended"};
  keep(container_id, *files);
  return *limits;
}

}  // namespace control::engine

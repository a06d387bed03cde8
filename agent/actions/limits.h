#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <libcontrol/types.h>

#include "agent/panel/fields.h"

namespace agent {

/// Engines take no lower limit of memory.
inline constexpr std::int64_t kLeastMemoryBytes = 6 << 20;

/// Limits as a payload gives them. Absent: not given; memory, cpu 0 and swap -1: no limit.
struct PayloadLimits {
  std::optional<std::int64_t> memory_bytes{};
  std::optional<std::int64_t> swap_bytes{};
  std::optional<std::int64_t> disk_bytes{};
  std::optional<std::int64_t> nano_cpus{};
  std::optional<std::int64_t> pids{};
  std::optional<int> io_weight{};

  /// As an engine takes them, for a container that had `before`.
  control::ResourceLimits toResourceLimits(const control::ResourceLimits& before) const;
};

/// Reads `limits` of a payload.
PayloadLimits readLimits(const Fields& limits);

/// Bytes as a whole number, or text with a binary unit ("2048m", "5g"). A number below 6 MiB cannot
/// be bytes: it is MiB.
std::optional<std::int64_t> readSize(const Fields& fields, std::string_view name);
/// Billionths of a core, from percent of one core as a number or cores as text.
std::optional<std::int64_t> readCpu(const Fields& fields, std::string_view name);

}  // namespace agent

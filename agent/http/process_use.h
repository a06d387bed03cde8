#pragma once

#include <cstdint>
#include <optional>

namespace agent {

/// What this process takes of the host, from /proc/self. What cannot be read is absent.
struct ProcessUse {
  std::optional<std::uint64_t> resident_bytes{};
  std::optional<std::uint64_t> threads{};
  std::optional<std::uint64_t> open_descriptors{};
  std::optional<std::uint64_t> most_descriptors{};  ///< the limit
  std::optional<double> cpu_seconds{};              ///< user and system
};

ProcessUse readProcessUse();

}  // namespace agent

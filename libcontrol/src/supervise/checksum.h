#pragma once

#include <cstdint>
#include <string_view>

namespace control {

inline constexpr std::uint64_t kChecksumOfNothing = 0xcbf29ce484222325;

/// FNV-1a, against torn and damaged files, not against malice: the same in whatever pieces the
/// bytes come.
constexpr std::uint64_t checksum(std::string_view bytes,
                                 std::uint64_t before = kChecksumOfNothing) noexcept {
  for (const char c : bytes) before = (before ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return before;
}

}  // namespace control

#pragma once

#include <cstddef>

#include "support/sanitized.h"

namespace websocket_test {

/// Whether all that the program does takes several times as long, and memory is not only its own.
inline constexpr bool kSanitized =
    control::test::kAddressSanitized || control::test::kThreadSanitized;

/// What a process holds.
struct Holdings {
  std::size_t resident_bytes = 0;  ///< 0 where kSanitized: nobody knows
  std::size_t descriptors = 0;
  std::size_t threads = 0;
};
/// Of this process, now.
Holdings holdings();

}  // namespace websocket_test

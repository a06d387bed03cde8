#pragma once

#include <cstddef>

namespace websocket_test {

/// Whether all that the program does takes several times as long, and memory is not only its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

/// What a process holds.
struct Holdings {
  std::size_t resident_bytes = 0;  ///< 0 where kSanitized: nobody knows
  std::size_t descriptors = 0;
  std::size_t threads = 0;
};
/// Of this process, now.
Holdings holdings();

}  // namespace websocket_test

#pragma once

namespace control::test {

// Whether this program is built with the address or the thread sanitizer: all that it does takes
// several times as long, and memory is not only its own.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONTROL_TEST_ADDRESS_SANITIZED 1
#endif
#if __has_feature(thread_sanitizer)
#define CONTROL_TEST_THREAD_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(CONTROL_TEST_ADDRESS_SANITIZED)
inline constexpr bool kAddressSanitized = true;
#else
inline constexpr bool kAddressSanitized = false;
#endif
#if defined(__SANITIZE_THREAD__) || defined(CONTROL_TEST_THREAD_SANITIZED)
inline constexpr bool kThreadSanitized = true;
#else
inline constexpr bool kThreadSanitized = false;
#endif

}  // namespace control::test

#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <system_error>

namespace control::test {

/// Open descriptors and threads of this process.
struct Footprint {
  std::size_t descriptors = 0;
  std::size_t threads = 0;

  static Footprint now() {
    const auto entries = [](const char* folder) {
      std::error_code ignored;
      return static_cast<std::size_t>(
          std::distance(std::filesystem::directory_iterator(folder, ignored),
                        std::filesystem::directory_iterator()));
    };
    return {.descriptors = entries("/proc/self/fd"), .threads = entries("/proc/self/task")};
  }

  bool within(const Footprint& other) const noexcept {
    return descriptors <= other.descriptors && threads <= other.threads;
  }
};

}  // namespace control::test

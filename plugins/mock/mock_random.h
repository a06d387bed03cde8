#pragma once

#include <cstdint>
#include <string>

namespace control::mock {

/// The same numbers for the same seed, on every machine (splitmix64).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  /// 64 hexadecimal digits.
  std::string id() {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text(64, '0');
    for (std::size_t word = 0; word < 4; ++word) {
      std::uint64_t value = next();
      for (std::size_t i = 16; i-- > 0; value >>= 4) text[word * 16 + i] = kDigits[value & 15];
    }
    return text;
  }

 private:
  std::uint64_t state_;
};

}  // namespace control::mock

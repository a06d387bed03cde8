#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace control::fuzz {

inline std::string_view textOf(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A property of the parser does not hold: the fuzzer reports the input.
inline void require(bool holds, int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "the property in line %d of the harness does not hold\n", line);
  std::abort();
}

/// Hands `text` on in pieces, whose lengths follow from the text itself.
template <class Feed>
void inPieces(std::string_view text, Feed feed) {
  std::size_t step = 1;
  while (!text.empty()) {
    const std::size_t size = step < text.size() ? step : text.size();
    feed(text.substr(0, size));
    step = 1 + static_cast<unsigned char>(text.front()) % 17;
    text.remove_prefix(size);
  }
}

}  // namespace control::fuzz

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "agent/utf8.h"

namespace agent {

inline bool isPlain(char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

/// How many characters at the beginning stand for themselves in a JSON text; looked at eight at a
/// time.
inline std::size_t plainLength(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::size_t length = 0;
  for (std::uint64_t word = 0; text.size() - length >= sizeof word; length += sizeof word) {
    std::memcpy(&word, text.data() + length, sizeof word);
    const std::uint64_t quote = word ^ kOnes * '"';
    const std::uint64_t slash = word ^ kOnes * '\\';
    // The high bit of each byte that is not plain; of a plain one behind it perhaps as well.
    if (((word | (word + kOnes) | (word - kOnes * 0x20) | (quote - kOnes) | (slash - kOnes)) &
         kHighBits) != 0)
      break;
  }
  while (length < text.size() && isPlain(text[length])) ++length;
  return length;
}

/// What the text takes in a message, at most: some of it is escaped; what is not UTF-8 is replaced.
inline std::size_t encodedBytes(std::string_view text) {
  constexpr std::size_t kEscaped = 6;
  constexpr std::size_t kReplacement = 3;
  std::size_t bytes = 0;
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = utf8SequenceLength(text);
    if (length == 0)
      bytes += kReplacement;
    else if (length > 1 || isPlain(c))
      bytes += length;
    else
      bytes += c == '"' || c == '\\' ? 2 : kEscaped;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return bytes;
}

}  // namespace agent

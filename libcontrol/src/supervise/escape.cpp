#include "supervise/escape.h"

namespace control {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEF";

bool isPlain(char c) { return c > ' ' && c <= '~' && c != '%' && c != '/'; }

}  // namespace

std::string escape(std::string_view text) {
  std::string word;
  word.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (isPlain(c))
      word += c;
    else
      word.append("%").append(1, kDigits[byte >> 4U]).append(1, kDigits[byte & 15U]);
  }
  return word;
}

std::optional<std::string> unescape(std::string_view word) {
  std::string text;
  text.reserve(word.size());
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      if (!isPlain(word[i])) return std::nullopt;
      text += word[i];
      continue;
    }
    if (word.size() - i < 3) return std::nullopt;
    const std::size_t high = kDigits.find(word[i + 1]);
    const std::size_t low = kDigits.find(word[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    text += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return text;
}

}  // namespace control

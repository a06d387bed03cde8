#include "agent/utf8.h"

namespace agent {
namespace {

bool between(unsigned char byte, int low, int high) { return byte >= low && byte <= high; }

}  // namespace

std::size_t utf8SequenceLength(std::string_view text) noexcept {
  const auto at = [text](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  if (text.empty()) return 0;
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = between(first, 0xC2, 0xDF)   ? 2
                             : between(first, 0xE0, 0xEF) ? 3
                             : between(first, 0xF0, 0xF4) ? 4
                                                          : 0;
  if (length == 0 || text.size() < length) return 0;
  // The second byte's range depends on the first: no overlong forms, no surrogates, no value beyond
  // the last code point.
  const int low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const int high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (!between(at(1), low, high)) return 0;
  for (std::size_t index = 2; index < length; ++index)
    if (!between(at(index), 0x80, 0xBF)) return 0;
  return length;
}

bool isUtf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace agent

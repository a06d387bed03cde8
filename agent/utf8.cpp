#include "agent/utf8.h"

#include <cstdint>
#include <cstring>

namespace agent {
namespace {

bool between(unsigned char byte, int low, int high) { return byte >= low && byte <= high; }

/// 0: no character of more than one byte begins so.
int sequenceLength(unsigned char first) {
  if (between(first, 0xC2, 0xDF)) return 2;
  if (between(first, 0xE0, 0xEF)) return 3;
  return between(first, 0xF0, 0xF4) ? 4 : 0;
}

// The second byte's range depends on the first: no overlong forms, no surrogates, no value beyond
// the last code point.
unsigned char lowestSecond(unsigned char first) {
  return first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
}
unsigned char highestSecond(unsigned char first) {
  return first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
}

/// How many bytes of `text` are surely ASCII from its beginning on; looked at eight at a time.
std::size_t asciiLength(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::size_t at = 0;
  for (std::uint64_t word = 0; text.size() - at >= sizeof word; at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & kHighBits) != 0) break;
  }
  return at;
}

}  // namespace

std::size_t utf8SequenceLength(std::string_view text) noexcept {
  const auto at = [text](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  if (text.empty()) return 0;
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const auto length = static_cast<std::size_t>(sequenceLength(first));
  if (length == 0 || text.size() < length) return 0;
  if (!between(at(1), lowestSecond(first), highestSecond(first))) return 0;
  for (std::size_t index = 2; index < length; ++index)
    if (!between(at(index), 0x80, 0xBF)) return 0;
  return length;
}

bool isUtf8(std::string_view text) noexcept {
  Utf8Checker checker;
  return checker.accept(text) && checker.complete();
}

bool Utf8Checker::accept(std::string_view piece) noexcept {
  std::size_t at = 0;
  while (well_formed_ && at < piece.size()) {
    if (missing_ == 0) at += asciiLength(piece.substr(at));
    if (at == piece.size()) break;
    const auto byte = static_cast<unsigned char>(piece[at++]);
    if (missing_ == 0) {
      well_formed_ = begin(byte);
    } else {
      well_formed_ = between(byte, low_, high_);
      --missing_;
      low_ = 0x80;
      high_ = 0xBF;
    }
  }
  return well_formed_;
}

bool Utf8Checker::begin(unsigned char first) noexcept {
  if (first < 0x80) return true;
  missing_ = sequenceLength(first) - 1;
  low_ = lowestSecond(first);
  high_ = highestSecond(first);
  return missing_ > 0;
}

}  // namespace agent

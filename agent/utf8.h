#pragma once

#include <cstddef>
#include <string_view>

namespace agent {

/// Length of the well-formed UTF-8 sequence (RFC 3629) that `text` begins with; 0 when it begins
/// with none. Overlong forms, surrogates and values over U+10FFFF are not well-formed.
std::size_t utf8SequenceLength(std::string_view text) noexcept;

bool isUtf8(std::string_view text) noexcept;

/// Checks UTF-8 that comes in pieces, cut anywhere. Not thread-safe.
class Utf8Checker {
 public:
  /// False as soon as no well-formed text can begin with what came so far.
  bool accept(std::string_view piece) noexcept;
  /// Whether a text may end here: not in the middle of a character.
  bool complete() const noexcept { return well_formed_ && missing_ == 0; }

 private:
  bool begin(unsigned char first) noexcept;

  bool well_formed_ = true;
  int missing_ = 0;  ///< bytes of the present character that are still to come
  /// What the next one of them may be.
  unsigned char low_ = 0x80;
  unsigned char high_ = 0xBF;
};

}  // namespace agent

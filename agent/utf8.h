#pragma once

#include <cstddef>
#include <string_view>

namespace agent {

/// Length of the well-formed UTF-8 sequence (RFC 3629) that `text` begins with; 0 when it begins
/// with none. Overlong forms, surrogates and values over U+10FFFF are not well-formed.
std::size_t utf8SequenceLength(std::string_view text) noexcept;

bool isUtf8(std::string_view text) noexcept;

}  // namespace agent

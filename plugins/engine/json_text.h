#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace control::engine {

/// `text` as a JSON string with its quotes. Bytes that are not UTF-8 are passed on: check before.
std::string jsonQuoted(std::string_view text);

/// -1 for what is no digit.
int hexDigit(char c) noexcept;
/// Four digits, checked before.
std::uint32_t fourHex(std::string_view text) noexcept;

bool isUtf8(std::string_view text) noexcept;
/// What stands between the quotes of a JSON string that was checked already, with its escapes
/// resolved.
std::string unescaped(std::string_view raw);

}  // namespace control::engine

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/call.h>

namespace control::mock {

/// What "infinity" means.
inline constexpr Duration kForEver = Duration::max();

/// "5s", "300ms", "1.5h", "2" (seconds), "infinity" (TimePoint's end is far). Nullopt: none of it.
std::optional<Duration> parseDuration(std::string_view text);

/// "12.500000000", for people and for comparison.
std::string seconds(Duration duration);

bool isUtf8(std::string_view text);
void appendUtf8(std::string& out, std::uint32_t code);

/// Replaces \n \t \r \\ \0 and \xHH. Other backslashes stay.
std::string unescape(std::string_view text);

}  // namespace control::mock

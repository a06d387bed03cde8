#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace control {

/// Text as one word of printable ASCII without '/' and spaces: what else it holds becomes %XX.
std::string escape(std::string_view text);
std::optional<std::string> unescape(std::string_view word);

}  // namespace control

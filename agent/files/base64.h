#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace agent {

/// RFC 4648, with padding.
std::string encodeBase64(std::string_view bytes);
/// Nothing: not base64. Padding may be missing; line ends and other characters are not skipped.
std::optional<std::string> decodeBase64(std::string_view text);

}  // namespace agent

#pragma once

#include <string>
#include <string_view>

namespace agent {

/// `text` with "\n" at the end of lines, where text areas send "\r\n".
inline std::string withPlainLineEnds(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i)
    if (!text.substr(i).starts_with("\r\n")) out += text[i];
  return out;
}

}  // namespace agent

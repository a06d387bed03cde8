#pragma once

#include <string>
#include <string_view>

namespace agent {

/// With the letters A to Z in lower case, whatever the locale.
inline std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace agent

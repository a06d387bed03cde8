#pragma once

#include <initializer_list>
#include <string_view>

namespace control::engine {

// An engine tells much only in the words of its errors.

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

inline bool containsAny(std::string_view text, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts)
    if (contains(text, part)) return true;
  return false;
}

}  // namespace control::engine

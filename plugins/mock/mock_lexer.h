#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace control::mock {

/// A word, or an operator: ";" (also a line's end), "&", ">&2".
struct Token {
  bool is_operator = false;
  bool quoted = false;
  std::string text{};

  bool is(std::string_view word) const { return !is_operator && !quoted && text == word; }
  bool isOperator(std::string_view name) const { return is_operator && text == name; }
};

/// The words of a shell script. Nullopt: a construct that is not understood.
std::optional<std::vector<Token>> splitScript(std::string_view script);

}  // namespace control::mock

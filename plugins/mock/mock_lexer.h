#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

using Variables = std::vector<std::pair<std::string, std::string>>;

/// The words of a shell script, with the values of those variables put in; of two with one name the
/// later counts. Nullopt: a construct, or a variable, that is not understood.
std::optional<std::vector<Token>> splitScript(std::string_view script, const Variables& variables);

}  // namespace control::mock

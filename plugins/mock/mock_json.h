#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/result.h>

namespace control::mock {

/// A JSON value that knows the line it begins on. For files that people write: small, read whole,
/// and wrong in ways that have to be pointed at. (plugins/engine/json.h is for engines' answers:
/// large, read in part, and of one line.)
struct Json {
  enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kString, kArray, kObject };
  struct Member;

  Kind kind = Kind::kNull;
  std::size_t line = 1;
  std::string text{};  ///< of a string, decoded; of a number or word, as written
  std::vector<Json> elements;
  // Without an initialiser, for which Member would have to be complete here.
  std::vector<Member> members;  ///< in the file's order, each name once

  /// Strict: no number in quotes, no fraction for a whole number.
  std::optional<std::uint64_t> natural() const;
  std::optional<double> number() const;
  std::optional<bool> boolean() const;
};

struct Json::Member {
  std::string name{};
  std::size_t line = 1;
  Json value{};
};

/// RFC 8259, UTF-8, 32 levels at most, a name once in an object.
/// kInvalidArgument: "line 3: ...".
Result<Json> readJson(std::string_view text);

/// kInvalidArgument with the line in front.
Error atLine(std::size_t line, const std::string& message);

}  // namespace control::mock

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/result.h>

#include "engine/json_text.h"

namespace control::engine {

class JsonDocument;

/// One value inside a JsonDocument, borrowed from it. A value that is not there (an absent member,
/// a member of something that is no object) is a valid JsonValue of kind kMissing, so that paths
/// can be followed without a test at each step. Access is strict: nothing is converted, a number
/// in quotes is no number.
class JsonValue {
 public:
  enum class Kind : std::uint8_t { kMissing, kNull, kBoolean, kNumber, kString, kArray, kObject };

  JsonValue() = default;

  Kind kind() const noexcept;
  bool isMissing() const noexcept { return kind() == Kind::kMissing; }
  bool isNull() const noexcept { return kind() == Kind::kNull; }
  bool isObject() const noexcept { return kind() == Kind::kObject; }
  bool isArray() const noexcept { return kind() == Kind::kArray; }

  /// The member of that name; the first one where the name is there twice.
  JsonValue operator[](std::string_view key) const noexcept;

  std::optional<std::string> string() const;
  std::optional<bool> boolean() const noexcept;
  /// Absent for a fraction, an exponent, or what 64 bits cannot hold.
  std::optional<std::int64_t> integer() const noexcept;
  std::optional<std::uint64_t> natural() const noexcept;

  /// string() or nothing.
  std::string stringOrEmpty() const { return string().value_or(std::string()); }
  bool isTrue() const noexcept { return boolean().value_or(false); }

  /// Whether there are no elements or members; true for everything else.
  bool empty() const noexcept;

  /// Calls `visit(JsonValue)` for each element of an array; nothing for anything else.
  template <class Visit>
  void forEachElement(Visit visit) const {
    if (!isArray()) return;
    for (std::uint32_t at = firstChild(); at != end(); at = after(at))
      visit(JsonValue(document_, at));
  }

  /// Calls `visit(std::string key, JsonValue)` for each member of an object, in order.
  template <class Visit>
  void forEachMember(Visit visit) const {
    if (!isObject()) return;
    for (std::uint32_t at = firstChild(); at != end(); at = after(at + 1))
      visit(keyAt(at), JsonValue(document_, at + 1));
  }

 private:
  friend class JsonDocument;
  JsonValue(const JsonDocument* document, std::uint32_t index) noexcept
      : document_(document), index_(index) {}

  std::uint32_t firstChild() const noexcept { return index_ + 1; }
  std::uint32_t end() const noexcept;
  std::uint32_t after(std::uint32_t index) const noexcept;
  std::string keyAt(std::uint32_t index) const;

  const JsonDocument* document_ = nullptr;
  std::uint32_t index_ = 0;
};

/// A JSON text, checked as a whole (RFC 8259; UTF-8; 64 levels at most) and readable in place.
/// Engines answer the hot calls with kilobytes of which a few fields matter: reading costs one
/// pass and one allocation, strings are decoded when they are asked for.
class JsonDocument {
 public:
  /// kInternal: not JSON; the message says what and where.
  static Result<JsonDocument> parse(std::string text);

  JsonValue root() const noexcept { return JsonValue(this, 0); }

  JsonDocument(JsonDocument&&) = default;
  JsonDocument& operator=(JsonDocument&&) = default;
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

 private:
  friend class JsonValue;
  friend class JsonParser;
  JsonDocument() = default;

  struct Node {
    JsonValue::Kind kind = JsonValue::Kind::kNull;
    bool escaped = false;     ///< a string with backslashes
    std::uint32_t begin = 0;  ///< into text_
    std::uint32_t length = 0;
    std::uint32_t next = 0;  ///< the node after this value and all it holds
  };

  /// Moving a short std::string moves its bytes, so they are kept where they do not move.
  std::unique_ptr<std::string> text_;
  std::vector<Node> nodes_;
};

}  // namespace control::engine

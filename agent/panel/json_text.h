#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace agent {

/// One JSON value. Objects keep the order in which members were added, and numbers are integers
/// (std::int64_t) or not (double), as they were written.
class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(static_cast<std::int64_t>(value)) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::uint64_t value)
      : value_(value > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  static Json object() { return Json(Object{}); }
  static Json array() { return Json(Array{}); }

  bool isNull() const noexcept { return std::holds_alternative<std::monostate>(value_); }
  const bool* boolean() const noexcept { return std::get_if<bool>(&value_); }
  const std::int64_t* integer() const noexcept { return std::get_if<std::int64_t>(&value_); }
  const double* real() const noexcept { return std::get_if<double>(&value_); }
  const std::string* text() const noexcept { return std::get_if<std::string>(&value_); }
  const Array* elements() const noexcept { return std::get_if<Array>(&value_); }
  const Object* members() const noexcept { return std::get_if<Object>(&value_); }

  /// A member of an object; null when this is no object or has none of that name.
  const Json* find(std::string_view name) const noexcept;
  /// The text of a member; null when it is missing or not text.
  const std::string* findText(std::string_view name) const noexcept;

  /// Adds a member at the end; turns null into an object first. The name must be new.
  Json& set(std::string name, Json value);
  /// set() when there is a value: a figure that is not known is left out.
  template <class T>
  Json& setIf(std::string name, const std::optional<T>& value) {
    if (value) set(std::move(name), Json(*value));
    return *this;
  }
  /// Adds an element at the end; turns null into an array first.
  Json& add(Json value);

  /// As compact JSON: valid UTF-8 whatever the texts hold (what is not becomes U+FFFD), and never a
  /// number that JSON does not have (it becomes null).
  std::string write() const;
  /// The same for equal values: members sorted by name.
  std::string writeCanonical() const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

/// Nesting that is still read.
inline constexpr int kMaximumJsonDepth = 32;

struct JsonReading {
  std::optional<Json> value;      ///< an object; absent when the text was refused
  std::string problem;            ///< why it was refused
  std::optional<std::string> id;  ///< the text of the top-level `id`, as far as it could be read
};

/// Reads one JSON object, strictly: no second document, at most kMaximumJsonDepth levels, no
/// duplicate names, valid UTF-8, no raw NUL, no number beyond a double. Texts and names may hold
/// escaped NULs; Fields refuses them. Integers beyond 64 bits are kept as double, so that the
/// reader of the field refuses them by its range.
JsonReading readJsonObject(std::string_view text);

}  // namespace agent

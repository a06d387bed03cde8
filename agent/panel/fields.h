#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/panel/json_text.h"

namespace agent {

/// Reads the members of one JSON object by name and type, without conversions. A missing member and
/// null are the same: absent. Everything else that is not as asked is refused as INVALID_PAYLOAD
/// with the path of the field, as `payload.limits.memory`.
class Fields {
 public:
  /// `object` may be null: every field is then absent. Both are borrowed.
  Fields(const Json* object, std::string path);

  /// The member; null when absent.
  const Json* find(std::string_view name) const;
  /// The member even when it is null, for fields where null would hide a mistake.
  const Json* findOrNull(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::string requiredText(std::string_view name) const;
  std::optional<bool> boolean(std::string_view name) const;
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least,
                                      std::int64_t most) const;
  std::optional<double> number(std::string_view name, double least, double most) const;
  /// The fields of a member that is an object, or of none.
  Fields object(std::string_view name) const;

  bool present() const noexcept { return object_ != nullptr; }
  const Json* value() const noexcept { return object_; }
  const std::string& path() const noexcept { return path_; }
  std::string pathOf(std::string_view name) const;
  /// Refuses the field `name` as INVALID_PAYLOAD: `<path> <reason>`.
  [[noreturn]] void refuse(std::string_view name, const std::string& reason) const;

 private:
  const Json* object_;
  std::string path_;
};

}  // namespace agent

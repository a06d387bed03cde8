#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/types.h>

#include "mock/mock_json.h"

namespace control::mock {

/// One key of an object in a scenario, and how its value is read into a `Target`. The reader
/// returns an error that begins with its line, or nothing.
template <class Target>
struct Field {
  using Read = std::optional<Error> (*)(const Json& value, Target& target);
  std::string_view name;
  Read read;
  /// What a wrong value is told.
  std::string_view wanted;
};

/// A reader's word that the value is not what is wanted: no line, no message. `wanted` is for a
/// value like this one, in place of what the field says.
inline Error notWanted(std::string wanted = {}) {
  return {.code = ErrorCode::kInvalidArgument, .message = {}, .native = std::move(wanted)};
}

Error unknownKey(const Json::Member& member, const std::string& known);
Error badValue(std::string_view key, const Json& value, std::string_view wanted);

/// Reads every member of `object` by the fields. kInvalidArgument names the key and its line.
template <class Target>
std::optional<Error> readFields(const Json& object, std::span<const Field<Target>> fields,
                                Target& target) {
  if (object.kind != Json::Kind::kObject) return notWanted();
  for (const Json::Member& member : object.members) {
    const Field<Target>* found = nullptr;
    std::string known;
    for (const Field<Target>& field : fields) {
      if (field.name == member.name) found = &field;
      known += (known.empty() ? "" : ", ") + std::string(field.name);
    }
    if (found == nullptr) return unknownKey(member, known);
    if (auto error = found->read(member.value, target)) {
      if (error->message.empty())
        return badValue(member.name, member.value,
                        error->native.empty() ? found->wanted : error->native);
      return error;
    }
  }
  return std::nullopt;
}

/// Reads each element of an array with `read(element, out)`.
template <class Item>
std::optional<Error> readItems(const Json& array, std::vector<Item>& items,
                               std::optional<Error> (*read)(const Json&, Item&)) {
  if (array.kind != Json::Kind::kArray) return notWanted();
  for (const Json& element : array.elements)
    if (auto error = read(element, items.emplace_back())) return error;
  return std::nullopt;
}

// Readers of plain values.
inline constexpr std::string_view kTrueOrFalse = "true or false";
inline constexpr std::string_view kDurationInQuotes =
    "a duration in quotes, with its unit (us, ms, s, m, h, d) right behind the number, as "
    "\"250ms\"";
std::optional<Error> readText(const Json& value, std::string& out);
/// A text that is not empty.
std::optional<Error> readName(const Json& value, std::string& out);
std::optional<Error> readTexts(const Json& value, std::vector<std::string>& out);
std::optional<Error> readTextMap(const Json& value, std::map<std::string, std::string>& out);
std::optional<Error> readBool(const Json& value, bool& out);
std::optional<Error> readDuration(const Json& value, Duration& out);
std::optional<Error> readSignal(const Json& value, std::optional<Signal>& out);
/// From `least` to `most`.
std::optional<Error> readNatural(const Json& value, std::uint64_t& out, std::uint64_t least = 0,
                                 std::uint64_t most = UINT64_MAX);

}  // namespace control::mock

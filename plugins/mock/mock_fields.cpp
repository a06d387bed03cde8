#include "mock/mock_fields.h"

#include "mock/mock_error.h"
#include "mock/mock_text.h"

namespace control::mock {

Error unknownKey(const Json::Member& member, const std::string& known) {
  return atLine(member.line, "unknown key \"" + member.name + "\": known are " + known);
}

Error badValue(std::string_view key, const Json& value, std::string_view wanted) {
  std::string found;
  if (value.kind == Json::Kind::kString && value.text.size() <= 80)
    found = ", not \"" + value.text + "\"";
  return atLine(value.line, "\"" + std::string(key) + "\": use " + std::string(wanted) + found);
}

std::optional<Error> readText(const Json& value, std::string& out) {
  if (value.kind != Json::Kind::kString) return notWanted();
  out = value.text;
  return std::nullopt;
}

std::optional<Error> readName(const Json& value, std::string& out) {
  if (value.text.empty()) return notWanted();
  return readText(value, out);
}

std::optional<Error> readTexts(const Json& value, std::vector<std::string>& out) {
  return readItems<std::string>(value, out, readText);
}

std::optional<Error> readTextMap(const Json& value, std::map<std::string, std::string>& out) {
  if (value.kind != Json::Kind::kObject) return notWanted();
  for (const Json::Member& member : value.members)
    if (auto error = readText(member.value, out[member.name])) return error;
  return std::nullopt;
}

std::optional<Error> readBool(const Json& value, bool& out) {
  const auto boolean = value.boolean();
  if (!boolean) return notWanted();
  out = *boolean;
  return std::nullopt;
}

std::optional<Error> readDuration(const Json& value, Duration& out) {
  if (value.kind != Json::Kind::kString) return notWanted();
  const auto duration = parseDuration(value.text);
  if (!duration) return notWanted();
  if (*duration == kForEver) return notWanted("100000d or less, as longer is too long");
  out = *duration;
  return std::nullopt;
}

std::optional<Error> readSignal(const Json& value, std::optional<Signal>& out) {
  if (value.kind != Json::Kind::kString) return notWanted();
  const auto signal = Signal::parse(value.text);
  if (!signal) return notWanted();
  out = *signal;
  return std::nullopt;
}

std::optional<Error> readNatural(const Json& value, std::uint64_t& out, std::uint64_t least,
                                 std::uint64_t most) {
  const auto number = value.natural();
  if (!number || *number < least || *number > most) return notWanted();
  out = *number;
  return std::nullopt;
}

}  // namespace control::mock

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libcontrol/result.h>
#include <libcontrol/types.h>

#include "engine/json.h"

/// What the fields of engines' replies have in common. Nothing is guessed: what is not of the
/// expected kind is absent.
namespace control::engine {

/// kInternal: a field that must be there is not.
Error missing(std::string_view what);

/// The words of an error body that is plain text.
std::string plainErrorText(std::string_view body);
/// The engine refused, in these words: `effect` is kNone.
Error refusal(int status, ErrorCode code, const std::string& text);

/// RFC 3339 with up to nine decimals and a zone; nullopt for anything else and for the year 1,
/// which is how engines write "never".
std::optional<WallTime> parseTime(std::string_view text);

/// Unix time as engines' queries take it: seconds, a point, nine digits.
std::string unixTime(WallTime time);
WallTime fromUnix(std::int64_t seconds, std::int64_t nanoseconds);

std::optional<int> smallInteger(const JsonValue& value);
std::optional<std::int64_t> positive(const JsonValue& value);
std::vector<std::string> strings(const JsonValue& value);
std::map<std::string, std::string> stringMap(const JsonValue& value);
std::optional<WallTime> timeIn(const JsonValue& value);
/// A signal's name or number in text.
std::optional<Signal> readSignal(const JsonValue& value);
/// Ports as {"25565/tcp":[{"HostIp":…,"HostPort":"25565"}]}, added to `ports`.
void readPorts(const JsonValue& bindings, std::vector<PortMapping>& ports);
/// A port bound on all addresses shows once for IPv4 and once for IPv6; it was asked for once.
void joinAllAddresses(std::vector<PortMapping>& ports);
/// ["NAME=value"]
std::vector<std::pair<std::string, std::string>> environmentIn(const JsonValue& list);
/// What `State` and `Config` of a container that runs say of its check; absent: it has none.
std::optional<Health> healthIn(const JsonValue& state, const JsonValue& config);
/// A decimal number that is a text of the map.
std::optional<int> numberIn(const std::map<std::string, std::string>& map, const char* key);

/// {"Id":…,"Warnings":[…]} of a create.
Result<CreatedContainer> parseCreated(std::string text);

/// {"Id":…} of an exec session.
Result<std::string> parseExecId(std::string text);
struct ExecState {
  bool running = false;
  std::optional<int> exit_code{};
  std::optional<int> pid{};
};
Result<ExecState> parseExecState(std::string text);

/// What both engines say of a container in the same words, from the "Config" of its inspection.
void readCommonConfig(const JsonValue& config, const ContainerId& id, ContainerSpec& spec);

}  // namespace control::engine

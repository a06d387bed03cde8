#include "agent/probes/minecraft_ping.h"

#include <utility>

#include "agent/panel/json_text.h"

namespace agent {
namespace {

using control::Error;
using control::ErrorCode;
using control::Result;

constexpr int kLongestVarInt = 5;
/// What stands before the text: the packet's id and the text's length.
constexpr std::size_t kMostBefore = 1 + kLongestVarInt;
/// -1: the version is not known yet, as clients say it that only want the status.
constexpr std::uint32_t kAnyVersion = 0xFFFF'FFFF;
constexpr std::int64_t kMostPlayers = 1'000'000'000;

Error noStatus(const std::string& why) {
  return {.code = ErrorCode::kUnavailable, .message = "no Minecraft status: " + why};
}

void putVarInt(std::string& out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
  out += static_cast<char>(value);
}

void putText(std::string& out, std::string_view text) {
  putVarInt(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

void putPacket(std::string& out, std::string_view packet) { putText(out, packet); }

/// Takes one from the front. Absent: it has not all come. An error when it is longer than one can
/// be.
Result<std::optional<std::uint32_t>> takeVarInt(std::string_view& bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < kLongestVarInt; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    value |= static_cast<std::uint32_t>(byte & 0x7F) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    bytes.remove_prefix(i + 1);
    return std::optional(value);
  }
  if (bytes.size() >= kLongestVarInt) return noStatus("a number of more than 5 bytes");
  return std::optional<std::uint32_t>();
}

std::optional<std::int64_t> countIn(const Json& players, std::string_view name) {
  const Json* count = players.find(name);
  if (count == nullptr || count->integer() == nullptr) return std::nullopt;
  const std::int64_t value = *count->integer();
  return value >= 0 && value <= kMostPlayers ? std::optional(value) : std::nullopt;
}

std::optional<Players> playersIn(const Json& status) {
  const Json* given = status.find("players");
  if (given == nullptr) return std::nullopt;
  const auto online = countIn(*given, "online");
  if (!online) return std::nullopt;
  Players players{.online = *online, .max = countIn(*given, "max")};
  const Json* sample = given->find("sample");
  if (sample == nullptr || sample->elements() == nullptr) return players;
  for (const Json& one : *sample->elements())
    if (const std::string* name = one.findText("name")) players.addName(*name);
  return players;
}

}  // namespace

MinecraftPing::MinecraftPing(const std::string& address, std::uint16_t port) {
  constexpr char kNextIsStatus = 1;
  std::string handshake(1, '\0');
  putVarInt(handshake, kAnyVersion);
  putText(handshake, address);
  handshake += static_cast<char>(port >> 8);
  handshake += static_cast<char>(port & 0xFF);
  handshake += kNextIsStatus;
  putPacket(output_, handshake);
  putPacket(output_, std::string(1, '\0'));
}

std::string MinecraftPing::takeOutput() { return std::exchange(output_, {}); }

Result<bool> MinecraftPing::take(std::string_view bytes) {
  // More than any status is refused by its length, which comes first.
  received_.append(bytes.substr(0, kLongestStatus + 2 * kLongestVarInt + kMostBefore));
  std::string_view rest = received_;
  const auto length = takeVarInt(rest);
  if (!length) return length.error();
  if (!*length) return false;
  if (**length > kLongestStatus + kMostBefore) return noStatus("a packet that is too long");
  if (rest.size() < **length) return false;
  std::string_view packet = rest.substr(0, **length);
  const auto id = takeVarInt(packet);
  if (!id) return id.error();
  if (!*id || **id != 0) return noStatus("a packet of another kind");
  const auto text_length = takeVarInt(packet);
  if (!text_length) return text_length.error();
  if (!*text_length || **text_length != packet.size())
    return noStatus("a text of another length than its packet");
  return readStatus(packet);
}

Result<bool> MinecraftPing::readStatus(std::string_view json) {
  const JsonReading status = readJsonObject(json);
  // What is wrong with it may quote it, in whatever encoding.
  if (!status.value) return noStatus("its text is no JSON object");
  answer_.players = playersIn(*status.value);
  return true;
}

}  // namespace agent

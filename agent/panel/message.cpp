#include "agent/panel/message.h"

#include <ctime>

#include <array>
#include <cstdio>

namespace agent {
namespace {

/// Longer than any message of our own, shorter than what a panel can make it repeat.
constexpr std::size_t kLongestMessage = 1024;

std::string cut(std::string_view text) {
  if (text.size() <= kLongestMessage) return std::string(text);
  std::size_t end = kLongestMessage;
  const auto continues = [&] { return (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80; };
  while (end > 0 && continues()) --end;
  return std::string(text.substr(0, end)) + "...";
}

Json responseHead(std::string_view id, bool success) {
  Json response;
  response.set("id", id).set("type", "response").set("timestamp", timestampNow());
  response.set("success", success);
  return response;
}

}  // namespace

Json encodeError(std::string_view code, std::string_view message) {
  Json error;
  error.set("code", code).set("message", cut(message));
  return error;
}

std::string formatTimestamp(control::WallTime time) {
  using std::chrono::floor;
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  const auto whole = floor<seconds>(time);
  const auto rest = floor<milliseconds>(time - whole).count();
  const std::time_t clock = static_cast<std::time_t>(whole.time_since_epoch().count());
  std::tm parts{};
  gmtime_r(&clock, &parts);
  std::array<char, 40> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(rest));
  return std::string(text.data(), length) + fraction.data();
}

std::string timestampNow() { return formatTimestamp(control::systemClock()->wallNow()); }

std::string writeSuccess(std::string_view id, std::string_view action, Json data) {
  Json response = responseHead(id, true);
  response.set("message", std::string(action) + " command received");
  if (!data.isNull()) response.set("data", std::move(data));
  return response.write();
}

std::string writeFailure(std::string_view id, std::string_view code, std::string_view message,
                         Json data) {
  Json response = responseHead(id, false);
  response.set("error", encodeError(code, message));
  if (!data.isNull()) response.set("data", std::move(data));
  return response.write();
}

std::string writeEvent(std::string_view event, std::uint64_t sequence, Json data) {
  Json message;
  message.set("type", "event").set("event", event).set("timestamp", timestampNow());
  message.set("seq", sequence).set("data", std::move(data));
  return message.write();
}

std::string writeError(std::string_view code, std::string_view message) {
  Json error;
  error.set("id", nullptr).set("type", "error").set("timestamp", timestampNow());
  error.set("data", encodeError(code, message));
  return error.write();
}

std::string writeLegacy(std::string_view type, Json data, std::string_view message_id) {
  Json message;
  message.set("type", type);
  if (!message_id.empty()) message.set("messageId", message_id);
  message.set("timestamp", timestampNow()).set("data", std::move(data));
  return message.write();
}

}  // namespace agent

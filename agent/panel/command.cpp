#include "agent/panel/command.h"

#include <algorithm>

#include "agent/panel/refusal.h"

namespace agent {
namespace {

std::string requiredEnvelopeText(const Json& message, std::string_view name) {
  const std::string* value = message.findText(name);
  if (value == nullptr || value->empty())
    throw Refusal("INVALID_COMMAND", std::string(name) + " is required and must be text");
  if (value->find('\0') != std::string::npos)
    throw Refusal("INVALID_COMMAND", std::string(name) + " must not hold a NUL character");
  return *value;
}

std::string requiredId(const Json& message) {
  std::string id = requiredEnvelopeText(message, "id");
  if (id.size() > kMaximumIdLength)
    throw Refusal("INVALID_COMMAND",
                  "id is longer than " + std::to_string(kMaximumIdLength) + " bytes");
  if (std::any_of(id.begin(), id.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; }))
    throw Refusal("INVALID_COMMAND",
                  "id must not hold control characters (U+0000 to U+001F and U+007F); 1 to " +
                      std::to_string(kMaximumIdLength) + " bytes of any others are taken");
  return id;
}

void checkAgent(const Json& message, std::string_view node_id) {
  const Json* agent = message.find("agentId");
  if (agent == nullptr || agent->isNull()) return;
  if (agent->text() == nullptr) throw Refusal("INVALID_COMMAND", "agentId must be text");
  if (*agent->text() != node_id)
    throw Refusal("WRONG_AGENT",
                  "this is agent '" + std::string(node_id) + "', not '" + *agent->text() + "'");
}

/// What it holds beside itself.
std::size_t bytesIn(const Json& value) {
  std::size_t bytes = 0;
  if (const std::string* text = value.text()) bytes += text->capacity();
  if (const Json::Array* elements = value.elements())
    for (const Json& element : *elements) bytes += sizeof element + bytesIn(element);
  if (const Json::Object* members = value.members())
    for (const Json::Member& member : *members)
      bytes += sizeof member + member.first.capacity() + bytesIn(member.second);
  return bytes;
}

bool isLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string Command::content() const {
  Json content;
  content.set("action", action).set("serverId", server_id).set("payload", payload);
  return content.writeCanonical();
}

std::size_t Command::bytes() const { return bytesIn(payload); }

Command decodeCommand(const Json& message, std::string_view node_id) {
  Command command;
  command.id = requiredId(message);
  command.action = requiredEnvelopeText(message, "action");
  checkAgent(message, node_id);
  if (const Json* payload = message.find("payload")) command.payload = *payload;
  const std::optional<std::string> outer = Fields(&message, "").text("serverId");
  const std::optional<std::string> inner = command.fields().text("serverId");
  if (outer && inner && *outer != *inner)
    throw Refusal("INVALID_PAYLOAD", "payload.serverId differs from serverId; give one of them");
  command.server_id = outer ? *outer : inner.value_or("");
  return command;
}

bool isServerId(std::string_view text) noexcept {
  if (text.empty() || text.size() > 64 || !isLetterOrDigit(text.front())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return isLetterOrDigit(c) || c == '.' || c == '_' || c == '-'; });
}

const std::string& requireServerId(const Command& command) {
  if (command.server_id.empty())
    throw Refusal("INVALID_PAYLOAD", "serverId is required for " + command.action);
  if (!isServerId(command.server_id))
    throw Refusal("INVALID_PAYLOAD",
                  "serverId must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit");
  return command.server_id;
}

}  // namespace agent

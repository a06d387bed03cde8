#include "agent/panel/legacy.h"

#include <array>
#include <string_view>

#include "agent/panel/refusal.h"

namespace agent {
namespace {

using RequestKind = LegacyRequest::Kind;

struct LegacyType {
  std::string_view type;
  RequestKind kind;
  std::string_view action;
};

constexpr std::array<LegacyType, 13> kTypes = {{
    {"system_info_request", RequestKind::kSystemInfo, "get_system_info"},
    {"server_create", RequestKind::kAction, "create_server"},
    {"server_start", RequestKind::kAction, "start_server"},
    {"server_stop", RequestKind::kAction, "stop_server"},
    {"server_restart", RequestKind::kAction, "restart_server"},
    {"server_delete", RequestKind::kAction, "delete_server"},
    {"server_update", RequestKind::kAction, "update_server"},
    {"server_suspend", RequestKind::kSuspend, "stop_server"},
    {"server_unsuspend", RequestKind::kUnsuspend, "unsuspend_server"},
    {"server_reinstall", RequestKind::kReinstall, "reinstall_server"},
    {"server_command", RequestKind::kAction, "send_command"},
    {"file_read", RequestKind::kAction, "read_file"},
    {"file_write", RequestKind::kAction, "write_file"},
}};

std::string powerAction(const Fields& data) {
  const std::string action = data.text("action").value_or("");
  for (const std::string_view known : {"start", "stop", "restart", "kill"})
    if (action == known) return action + "_server";
  data.refuse("action", "must be \"start\", \"stop\", \"restart\" or \"kill\"");
}

Command readCommand(const Json& message) {
  Command command;
  command.legacy = true;
  command.id = legacyMessageId(message);
  if (const Json* data = message.find("data")) command.payload = *data;
  command.server_id = command.fields().text("serverId").value_or("");
  return command;
}

}  // namespace

std::string legacyMessageId(const Json& message) {
  const Json* id = message.find("messageId");
  if (id == nullptr) return {};
  if (id->text() != nullptr) return *id->text();
  return id->integer() != nullptr ? std::to_string(*id->integer()) : std::string();
}

std::optional<LegacyRequest> readLegacy(const std::string& type, const Json& message) {
  if (type == "server_power") {
    LegacyRequest request{RequestKind::kAction, readCommand(message)};
    request.command.action = powerAction(request.command.fields());
    return request;
  }
  for (const LegacyType& known : kTypes) {
    if (known.type != type) continue;
    LegacyRequest request{known.kind, readCommand(message)};
    request.command.action = known.action;
    return request;
  }
  return std::nullopt;
}

}  // namespace agent

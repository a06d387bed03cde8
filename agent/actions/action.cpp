#include "agent/actions/action.h"

#include <array>

namespace agent {
namespace {

using Begin = decltype(Action::begin);
using Result = decltype(Action::result);

constexpr Action longAction(std::string_view name, std::string_view acceptance, Begin begin,
                            decltype(Action::describe) describe = nullptr) {
  Action action{.name = name};
  action.needs_server = true;
  action.acceptance = acceptance;
  action.begin = begin;
  action.describe = describe;
  return action;
}

constexpr Action onceOnly(Action action) {
  action.once = true;
  return action;
}

constexpr Action pullAction() {
  Action action = longAction("pull_image", "pulling", pullImage, describePull);
  action.needs_server = false;
  return action;
}

constexpr Action statusAction(std::string_view name, Result result,
                              decltype(Action::after) after = nullptr) {
  Action action{.name = name};
  action.needs_server = true;
  action.result = result;
  action.only_reads = true;
  action.waits = true;
  action.after = after;
  return action;
}

constexpr Action readingAction(std::string_view name, Result result, bool waits = false) {
  Action action{.name = name};
  action.result = result;
  action.only_reads = true;
  action.waits = waits;
  return action;
}

constexpr std::array kActions = {
    onceOnly(longAction("create_server", "creating", createServer)),
    longAction("start_server", "starting", startServer),
    longAction("stop_server", "stopping", stopServer),
    longAction("restart_server", "restarting", restartServer),
    longAction("kill_server", "stopping", killServer),
    onceOnly(longAction("delete_server", "deleting", deleteServer, describeDelete)),
    longAction("update_server", "updating", updateServer),
    pullAction(),
    statusAction("get_status", getStatus, sendStatusEvent),
    statusAction("get_server_status", getStatus, sendStatusEvent),
    statusAction("get_server_metrics", getMetrics),
    readingAction("list_servers", listServers),
    readingAction("get_system_info", getSystemInfo, true),
    readingAction("get_system_metrics", getSystemMetrics, true),
};

constexpr std::array<std::string_view, 20> kActionsToCome = {"send_command",
                                                             "send_server_command",
                                                             "get_server_logs",
                                                             "list_files",
                                                             "get_file",
                                                             "read_file",
                                                             "write_file",
                                                             "create_directory",
                                                             "delete_file",
                                                             "rename_file",
                                                             "copy_file",
                                                             "move_file",
                                                             "get_file_info",
                                                             "search_files",
                                                             "upload_file",
                                                             "download_file",
                                                             "create_archive",
                                                             "extract_archive",
                                                             "get_file_permissions",
                                                             "set_file_permissions"};

}  // namespace

std::span<const Action> actions() { return kActions; }

std::span<const std::string_view> actionsToCome() { return kActionsToCome; }

const Action* findAction(std::string_view name) {
  for (const Action& action : kActions)
    if (action.name == name) return &action;
  return nullptr;
}

}  // namespace agent

#include "agent/actions/action.h"

#include <array>
#include <vector>

#include "agent/actions/console.h"
#include "agent/actions/files.h"

namespace agent {
namespace {

using Begin = decltype(Action::begin);
using Answer = decltype(Action::result);

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

constexpr Action statusAction(std::string_view name, Answer result,
                              decltype(Action::after) after = nullptr) {
  Action action{.name = name};
  action.needs_server = true;
  action.result = result;
  action.only_reads = true;
  action.waits = true;
  action.after = after;
  return action;
}

constexpr Action readingAction(std::string_view name, Answer result, bool waits = false) {
  Action action{.name = name};
  action.result = result;
  action.only_reads = true;
  action.waits = waits;
  return action;
}

constexpr Action imageAction(std::string_view name, Answer result) {
  Action action = readingAction(name, result, true);
  action.only_reads = false;
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
    readingAction("list_images", listImages, true),
    imageAction("remove_image", removeImage),
    imageAction("prune_images", pruneImages),
    readingAction("list_servers", listServers),
    readingAction("get_system_info", getSystemInfo, true),
    readingAction("get_system_metrics", getSystemMetrics, true),
};

std::vector<Action> allActions() {
  std::vector<Action> all(kActions.begin(), kActions.end());
  for (const std::span<const Action> more :
       {fileActions(), archiveActions(), consoleActions(), backupActions()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

std::span<const Action> actions() {
  static const std::vector<Action> all = allActions();
  return all;
}

const Action* findAction(std::string_view name) {
  for (const Action& action : actions())
    if (action.name == name) return &action;
  return nullptr;
}

}  // namespace agent

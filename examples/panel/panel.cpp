#include "panel.h"

#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/JSON/Parser.h>
#include <Poco/Timestamp.h>
#include <Poco/UUIDGenerator.h>

#include <array>
#include <sstream>

namespace panel {
namespace {

using Object = Poco::JSON::Object::Ptr;

/// An archive may take 10 minutes, and wait for another one.
constexpr Panel::Seconds kLongPatience{1200};
constexpr std::array<const char*, 7> kFacts{"reason", "exitCode", "signal", "oomKilled",
                                            "status", "code",     "error"};

/// "CODE: message"
std::string failureOf(const Object& message) {
  const Object error = inner(message, "error");
  return text(error, "code") + ": " + text(error, "message");
}

Object parse(const std::string& message) {
  return Poco::JSON::Parser().parse(message).extract<Object>();
}

std::string now() {
  return Poco::DateTimeFormatter::format(Poco::Timestamp(), "%Y-%m-%dT%H:%M:%S.%iZ");
}

}  // namespace

void Panel::onConnected(const std::string& node) {
  {
    const std::scoped_lock lock(mutex_);
    nodes_[node] = true;
  }
  changed_.notify_all();
  note("agent '" + node + "' is here", Watch::kOff);
}

void Panel::onDisconnected(const std::string& node, const std::string& why) {
  {
    const std::scoped_lock lock(mutex_);
    nodes_[node] = false;
  }
  changed_.notify_all();
  screen_.bar("");  // who knows when it goes on
  note("agent '" + node + "' is gone: " + why, Watch::kOff);
}

void Panel::onMessage(const std::string& node, const std::string& message) {
  try {
    const Object object = parse(message);
    const std::string type = text(object, "type");
    if (type == "response") return onResponse(text(object, "id"), message);
    const Object data = inner(object, "data");
    if (type == "event") return onEvent(node, text(object, "event"), data);
    if (type == "system_info")
      return note("agent '" + node + "': " + text(data, "os") + ", " + text(data, "cpu") + ", " +
                      text(inner(data, "runtime"), "name") + " " +
                      text(inner(data, "runtime"), "version"),
                  Watch::kOff);
    if (type == "error")
      note("agent '" + node + "' objects: " + text(data, "code") + ": " + text(data, "message"),
           Watch::kOff);
    // Heartbeats, pongs and the messages for panels that know only the older format say nothing
    // new.
  } catch (const std::exception& failure) {
    note("agent '" + node + "' sent what is no message: " + failure.what(), Watch::kOff);
  }
}

void Panel::onResponse(const std::string& id, const std::string& message) {
  {
    const std::scoped_lock lock(mutex_);
    replies_[id] = message;
  }
  changed_.notify_all();
}

void Panel::onEvent(const std::string& node, const std::string& event, const Object& data) {
  const std::string server = text(data, "serverId");
  if (event == "server_status_changed") return onStatusChange(node, data);
  if (event == "command_completed") return onCompleted(data);
  if (event.ends_with("_progress")) return onProgress(event, data);
  if (event == "server_status") {
    {
      const std::scoped_lock lock(mutex_);
      ServerView& known = servers_[server];
      known.node = node;
      known.state = text(data, "status");
    }
    changed_.notify_all();
  } else if (event == "server_log") {
    onLine(server, data);
  } else if (event == "server_log_gap") {
    const std::string lines = text(data, "dropped");
    note(server + " | [" + (lines.empty() ? "some" : lines) + " lines left out]", Watch::kChanges);
  } else if (event == "resource_update") {
    note(server + "  " + describeResources(inner(data, "resources")), Watch::kStats);
  } else if (event == "disk_limit_exceeded") {
    note(server + "  takes " + sizeText(number(data, "usedBytes")) + " of the disk, its limit is " +
             sizeText(number(data, "limitBytes")) +
             (text(data, "action") == "stop" ? ": it is being stopped" : ""),
         Watch::kChanges);
  }
}

void Panel::onProgress(const std::string& event, const Object& data) {
  {
    const std::scoped_lock lock(mutex_);
    if (watch_ < Watch::kChanges) return;
  }
  // What no command of this panel began has no end that is told.
  const std::string id = text(data, "commandId");
  if (!id.empty()) bars_.show(id, progressOf(event, data));
}

void Panel::onCompleted(const Object& data) {
  const std::string id = text(data, "commandId");
  {
    const std::scoped_lock lock(mutex_);
    if (outcomes_.contains(id)) return;  // told once more after a lost connection
  }
  Outcome outcome{text(data, "success") == "true", {}};
  const std::string operation = operationName(text(data, "action"), data);
  if (outcome.success) {
    sayEnd(id, operation, inner(data, "result"));
  } else {
    outcome.error = failureOf(data);
    bars_.drop(id);
    if (!operation.empty()) note(operation + " failed: " + outcome.error, Watch::kChanges);
  }
  {
    const std::scoped_lock lock(mutex_);
    outcomes_[id] = std::move(outcome);
  }
  changed_.notify_all();
}

/// `operation` is empty for commands that are told of as changes of state; one with a pull in it
/// has a bar nevertheless.
void Panel::sayEnd(const std::string& id, const std::string& operation, const Object& result) {
  {
    const std::scoped_lock lock(mutex_);
    if (watch_ < Watch::kChanges) return bars_.drop(id);
  }
  std::optional<Progress> last;
  if (!result.isNull())
    last = Progress{
        .what = operation, .bytes = number(result, "bytes"), .entries = text(result, "entries")};
  bars_.finish(id, last);
  if (operation.empty()) return;
  std::string line = operation + " is done";
  if (const std::string backup = text(result, "backupId"); !backup.empty()) line += ": " + backup;
  if (!text(result, "size").empty()) line += ", " + sizeText(number(result, "size")) + " packed";
  if (const std::string skipped = text(result, "skipped"); !skipped.empty() && skipped != "0")
    line += ", " + skipped + " left out";
  note(line, Watch::kChanges);
}

void Panel::onStatusChange(const std::string& node, const Object& data) {
  const std::string server = text(data, "serverId");
  ServerView view{node, text(data, "currentStatus"), {}};
  for (const char* key : kFacts)
    if (const std::string value = text(data, key); !value.empty()) view.facts[key] = value;
  const std::string what = describeFacts(view.facts);
  note(server + "  " + text(data, "previousStatus") + " -> " + view.state +
           (what.empty() ? "" : "  (" + what + ")"),
       Watch::kChanges);
  {
    const std::scoped_lock lock(mutex_);
    servers_[server] = std::move(view);
  }
  changed_.notify_all();
}

void Panel::onLine(const std::string& server, const Object& data) {
  const std::string line = printable(text(data, "message"));
  {
    const std::scoped_lock lock(mutex_);
    if (!focus_.empty()) {
      const std::uint64_t number = std::stoull(text(data, "seq"));
      if (server != focus_) return;
      if (!shown_from_)
        held_back_[number] = line;
      else if (number > *shown_from_)
        screen_.line(line);
      return;
    }
  }
  note(server + " | " + line, Watch::kChanges);
}

void Panel::focus(const std::string& server) {
  const std::scoped_lock lock(mutex_);
  focus_ = server;
  shown_from_.reset();
  held_back_.clear();
}

void Panel::showFrom(std::uint64_t last) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [number, line] : held_back_)
    if (number > last) screen_.line(line);
  held_back_.clear();
  shown_from_ = last;
}

void Panel::note(const std::string& line, Watch needed) {
  {
    const std::scoped_lock lock(mutex_);
    if (watch_ < needed) return;
  }
  screen_.event(line);
}

void Panel::watch(Watch what) {
  const std::scoped_lock lock(mutex_);
  watch_ = what;
}

std::vector<std::string> Panel::nodes() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> connected;
  for (const auto& [node, here] : nodes_)
    if (here) connected.push_back(node);
  return connected;
}

std::string Panel::pickNode(const std::string& server, const std::string& node) const {
  if (const auto known = view(server); known && !known->node.empty()) return known->node;
  if (!node.empty()) return node;
  const std::vector<std::string> connected = nodes();
  return connected.size() == 1 ? connected.front() : std::string();
}

std::string Panel::nextId() {
  // Unlike those of an earlier panel, which the agent may remember.
  static const std::string kRun = Poco::UUIDGenerator::defaultGenerator().createRandom().toString();
  const std::scoped_lock lock(mutex_);
  return "cmd_" + kRun.substr(0, 8) + "_" + std::to_string(++commands_);
}

Reply Panel::ask(const std::string& action, const std::string& server, const Object& payload,
                 const std::string& node, Seconds patience) {
  const std::string target = pickNode(server, node);
  if (target.empty())
    return {{}, nodes().empty() ? "no agent is connected" : "several agents: say 'use NODE'", {}};
  Poco::JSON::Object command;
  const std::string id = nextId();
  command.set("id", id);
  command.set("type", "command");
  command.set("timestamp", now());
  command.set("agentId", target);
  command.set("action", action);
  if (!server.empty()) command.set("serverId", server);
  command.set("payload", payload.isNull() ? Object(new Poco::JSON::Object) : payload);
  std::ostringstream out;
  command.stringify(out);
  if (!listener_->send(target, out.str())) return {id, "agent '" + target + "' is gone", {}};

  std::string answer;
  {
    std::unique_lock lock(mutex_);
    const auto began = std::chrono::steady_clock::now();
    // An agent that comes back soon answers then.
    while (!changed_.wait_for(lock, kReplyTimeout, [&] { return replies_.contains(id); })) {
      if (!nodes_[target]) return {id, "agent '" + target + "' is gone", {}};
      if (std::chrono::steady_clock::now() - began >= patience)
        return {id, "agent '" + target + "' did not answer", {}};
    }
    answer = replies_.extract(id).mapped();
  }
  const Object message = parse(answer);
  if (text(message, "success") == "true") return {id, {}, inner(message, "data")};
  return {id, failureOf(message), {}};
}

Reply Panel::askAtLength(const std::string& action, const std::string& server,
                         const Object& payload, const std::string& node) {
  Reply reply = ask(action, server, payload, node, kLongPatience);
  if (reply.error.empty())
    sayEnd(reply.id, operationName(action, reply.data), reply.data);
  else
    bars_.drop(reply.id);
  const std::scoped_lock lock(mutex_);
  outcomes_[reply.id] = {reply.error.empty(), reply.error};
  return reply;
}

bool Panel::waitForNode(Seconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] {
    for (const auto& [node, here] : nodes_)
      if (here) return true;
    return false;
  });
}

bool Panel::waitForState(const std::string& server, const std::string& state, Seconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] {
    const auto known = servers_.find(server);
    return known != servers_.end() && known->second.state == state;
  });
}

std::optional<Outcome> Panel::waitForEnd(const std::string& id, Seconds timeout) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, timeout, [&] { return outcomes_.contains(id); }))
    return std::nullopt;
  return outcomes_.at(id);
}

std::optional<ServerView> Panel::view(const std::string& server) const {
  const std::scoped_lock lock(mutex_);
  const auto known = servers_.find(server);
  if (known == servers_.end()) return std::nullopt;
  return known->second;
}

}  // namespace panel

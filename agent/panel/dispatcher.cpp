#include "agent/panel/dispatcher.h"

#include <algorithm>

#include "agent/actions/create_payload.h"
#include "agent/actions/policy.h"
#include "agent/disk/disk_watch.h"
#include "agent/log.h"
#include "agent/panel/failure.h"
#include "agent/panel/message.h"

namespace agent {
namespace {

/// Types that the panel sends and that ask for nothing.
bool needsNoAnswer(const std::string& type) {
  return type == "pong" || type == "error" || type == "response" || type == "event";
}

std::size_t runningServers(const control::Supervisor& supervisor) {
  std::size_t running = 0;
  for (const control::EntryStatus& status : supervisor.list())
    if (status.state == control::EntryState::kRunning) ++running;
  return running;
}

/// The supervisor knows nothing of a server, or knows it without a container.
Refusal refusalOf(const Services& services, const Command& command, const control::Error& error) {
  const bool known = error.code == control::ErrorCode::kNotFound &&
                     services.supervisor.status(command.server_id).has_value();
  if (known) return {"CONTAINER_NOT_FOUND", error.message};
  return requestRefusal(error, command.server_id, services.paths());
}

Json acceptance(const Action& action, const Command& command, const Operation& operation) {
  Json data;
  if (!command.server_id.empty()) data.set("serverId", command.server_id);
  if (!operation.image.empty()) data.set("image", operation.image);
  data.set("status", action.acceptance);
  return data;
}

}  // namespace

Dispatcher::Dispatcher(Services services)
    : services_(services),
      inherited_(services_),
      rate_limit_(static_cast<std::size_t>(std::max(0, services.config.rate_limit))),
      answered_([this](const std::string& id) { return services_.operations.isInProgress(id); }) {}

void Dispatcher::handle(std::string_view text) {
  const JsonReading reading = readJsonObject(text);
  if (reading.value) return handleMessage(*reading.value);
  if (reading.id && !reading.id->empty() && reading.id->size() <= kMaximumIdLength)
    services_.out.result(writeFailure(*reading.id, "PARSE_ERROR", reading.problem));
  else
    services_.out.result(writeError("PARSE_ERROR", reading.problem));
}

void Dispatcher::handleMessage(const Json& message) {
  const std::string* type = message.findText("type");
  if (type != nullptr && *type == "command") return handleCommand(message);
  if (type != nullptr && *type == "ping") return pong(message);
  if (type != nullptr && needsNoAnswer(*type)) return;
  Command unread;
  unread.legacy = true;
  unread.id = legacyMessageId(message);
  guarded(unread, [&] {
    std::optional<LegacyRequest> request;
    if (type != nullptr) request = readLegacy(*type, message);
    if (request) return handleLegacy(*request);
    const std::string* id = message.findText("id");
    unread.legacy = id == nullptr || id->empty() || id->size() > kMaximumIdLength;
    if (!unread.legacy) unread.id = *id;
    throw Refusal("INVALID_COMMAND", type == nullptr ? "type is required and must be text"
                                                     : "unknown message type '" + *type + "'");
  });
}

void Dispatcher::handleCommand(const Json& message) {
  Command command;
  try {
    command = decodeCommand(message, services_.config.node_id);
  } catch (const Refusal& refusal) {
    const std::string* id = message.findText("id");
    const bool usable = id != nullptr && !id->empty() && id->size() <= kMaximumIdLength;
    services_.out.result(usable ? writeFailure(*id, refusal.code(), refusal.message())
                                : writeError(refusal.code(), refusal.message()));
    return;
  }
  if (!rate_limit_.admit(services_.runtime.clock().now())) {
    services_.out.result(writeFailure(command.id, "RATE_LIMITED",
                                      "more than " + std::to_string(services_.config.rate_limit) +
                                          " commands a second; send it again later"));
    return;
  }
  if (inherited_.answer(command) || !isNew(command)) return;
  guarded(command, [&] {
    const Action* action = findAction(command.action);
    if (action == nullptr) throw Refusal("UNKNOWN_ACTION", "Unknown action: " + command.action);
    perform(*action, command);
  });
}

void Dispatcher::handleLegacy(const LegacyRequest& request) {
  const Command& command = request.command;
  if (!rate_limit_.admit(services_.runtime.clock().now()))
    throw Refusal("RATE_LIMITED", "too many messages; send it again later");
  switch (request.kind) {
    case LegacyRequest::Kind::kAction:
      return perform(*findAction(command.action), command);
    case LegacyRequest::Kind::kSystemInfo:
      return services_.out.result(
          writeLegacy("system_info",
                      encodeSystemInfo(services_.identity, services_.host, services_.engine.info()),
                      command.id));
    case LegacyRequest::Kind::kSuspend:
      return suspend(command);
    case LegacyRequest::Kind::kUnsuspend:
      return unsuspend(command);
    case LegacyRequest::Kind::kReinstall:
      return reinstall(command);
  }
}

void Dispatcher::pong(const Json& message) {
  Json data;
  data.set("agentStatus", "online").set("activeServers", runningServers(services_.supervisor));
  data.set("systemLoad", services_.host.load());
  Json pong;
  pong.set("type", "pong");
  if (const Json* id = message.find("id")) pong.set("id", *id);
  pong.set("timestamp", timestampNow()).set("data", std::move(data));
  services_.out.result(pong.write());
}

/// Whether the command is to be executed; answers it when not.
bool Dispatcher::isNew(const Command& command) {
  AnsweredIds::Check check;
  {
    const std::lock_guard lock(mutex_);
    check = answered_.check(command.id, command.content(), services_.runtime.clock().now());
  }
  switch (check.verdict) {
    case AnsweredIds::Verdict::kNew:
      return true;
    case AnsweredIds::Verdict::kRepeat:
      sendAgain(command, check.response);
      if (const auto ended = services_.ends.untold(command.id))
        tellEnd(services_, *ended, *ended->outcome);
      return false;
    case AnsweredIds::Verdict::kConflict:
      services_.out.result(writeFailure(
          command.id, "ID_CONFLICT", "this id was used before with other content; use a new one"));
      return false;
    case AnsweredIds::Verdict::kInFlight:
      return false;
  }
  return false;
}

template <class Work>
void Dispatcher::guarded(const Command& command, Work work) {
  try {
    work();
  } catch (const std::exception&) {
    const Failure failure = currentFailure(command.action);
    fail(command, failure.code, failure.message);
  }
}

void Dispatcher::perform(const Action& action, const Command& command) {
  if (action.needs_server || !command.server_id.empty()) requireServerId(command);
  if (!action.only_reads && !command.legacy) writeDown(action, command);
  if (action.begin != nullptr) return accept(action, command);
  if (action.later != nullptr) return answerLater(action, command);
  if (action.waits || action.on_files) return answerOnWorker(action, command);
  answer(action, command, {});
}

/// Before it takes effect, so that it never takes effect twice.
void Dispatcher::writeDown(const Action& action, const Command& command) {
  const auto written = services_.journal.begin({.id = command.id,
                                                .action = command.action,
                                                .server_id = command.server_id,
                                                .fingerprint = fingerprintOf(command.content()),
                                                .at = services_.runtime.clock().wallNow()});
  if (written) return;
  log::error("protocol", written.error().message);
  // Stopping a server must be possible on a full disk too, and does no harm when it is repeated.
  if (action.once)
    throw Refusal("INSUFFICIENT_RESOURCES",
                  command.action +
                      " is not begun, because the agent cannot write it down; its log says why: "
                      "free space for it, or let it write to its STATE_DIR");
}

void Dispatcher::accept(const Action& action, const Command& command) {
  Operation operation;
  operation.action = action.name;
  operation.server_id = command.server_id;
  operation.command_id = command.legacy ? std::string() : command.id;
  if (action.describe != nullptr) action.describe(command, operation);
  const std::string operation_id = services_.operations.begin(operation);
  const Outgoing::Hold hold(services_.out);
  try {
    const control::Result<void> accepted = action.begin(services_, command, operation_id);
    if (!accepted) throw refusalOf(services_, command, accepted.error());
  } catch (...) {
    (void)services_.operations.take(operation_id);
    throw;
  }
  succeed(command, acceptance(action, command, operation));
}

void Dispatcher::answerOnWorker(const Action& action, const Command& command) {
  auto task = [this, &action, command](std::stop_token stop) {
    guarded(command, [&] {
      if (action.on_files) files::requireWanted(stop);
      answer(action, command, std::move(stop));
    });
    if (action.on_files && !action.only_reads) services_.disk.changed(command.server_id);
  };
  const bool slow = action.slow_when != nullptr && action.slow_when(command);
  const ServerWork::Pace pace = slow ? ServerWork::Pace::kSlow : action.pace;
  const bool posted = action.on_files
                          ? services_.server_work.post(command.server_id, pace, command.id,
                                                       std::move(task), command.bytes())
                          : services_.workers.post(std::move(task));
  if (!posted)
    throw Refusal("BUSY",
                  "too many commands, or too much content in them, wait already; try again later");
}

void Dispatcher::answerLater(const Action& action, const Command& command) {
  const auto handed_on =
      action.later(services_, command, [this, command](const control::Result<Json>& data) {
        guarded(command, [&] {
          if (!data) throw refusalOf(services_, command, data.error());
          succeed(command, *data);
        });
      });
  if (!handed_on) throw refusalOf(services_, command, handed_on.error());
}

void Dispatcher::answer(const Action& action, const Command& command, std::stop_token stop) {
  if (action.only_reads && services_.out.isFull()) throw Refusal("BUSY", Outgoing::kReadAnswers);
  const Json data = action.result(services_, command, std::move(stop));
  const Outgoing::Hold hold(services_.out);
  succeed(command, data);
  if (action.after != nullptr) action.after(services_, data);
}

void Dispatcher::suspend(const Command& command) {
  const std::string& server_id = requireServerId(command);
  const auto status = services_.supervisor.status(server_id);
  if (!status) throw requestRefusal(status.error(), server_id, services_.paths());
  (void)readStopPayload(command.fields(), {});  // what is wrong in it must not leave a mark
  if (const auto marked = services_.suspended.add(server_id); !marked)
    throw Refusal("PERMISSION_DENIED", marked.error().message);
  perform(*findAction("stop_server"), command);
}

void Dispatcher::unsuspend(const Command& command) {
  const std::string& server_id = requireServerId(command);
  const auto status = services_.supervisor.status(server_id);
  if (!status) throw requestRefusal(status.error(), server_id, services_.paths());
  services_.suspended.remove(server_id);
  Json data;
  data.set("serverId", server_id).set("status", services_.shownStateOf(*status));
  succeed(command, std::move(data));
}

/// Stopped first: the container can only be made anew when it does not run.
void Dispatcher::reinstall(const Command& command) {
  static constexpr Action kReinstall{.name = "reinstall_server",
                                     .needs_server = true,
                                     .acceptance = "updating",
                                     .begin = reinstallServer};
  requireServerId(command);
  control::EntryUpdate asked = readUpdatePayload(command.fields());
  applyPolicy(services_.config.policy, asked);  // what is wrong in it must not stop the server
  Operation stop;
  stop.action = "stop_server";
  stop.server_id = command.server_id;
  const std::string stop_id = services_.operations.begin(stop);
  const control::Result<void> stopping = stopServer(services_, command, stop_id);
  if (!stopping) {
    (void)services_.operations.take(stop_id);
    throw requestRefusal(stopping.error(), command.server_id, services_.paths());
  }
  accept(kReinstall, command);
}

void Dispatcher::succeed(const Command& command, Json data) {
  if (!command.legacy) {
    const Action* const action = findAction(command.action);
    if (action != nullptr && action->begin != nullptr) {
      services_.journal.accepted(command.id);
    } else {
      services_.journal.end(command.id,
                            {.success = true, .at = services_.runtime.clock().wallNow()});
    }
    return send(command, writeSuccess(command.id, command.action, std::move(data)));
  }
  const Action* const action = findAction(command.action);
  services_.out.result(writeLegacy(action == nullptr ? "server_status" : action->legacy_answer,
                                   std::move(data), command.id));
}

void Dispatcher::fail(const Command& command, const std::string& code, const std::string& message) {
  if (!command.legacy) {
    // What was turned away for now may come again under its id.
    const bool may_come_again = code == "BUSY";
    if (may_come_again) {
      services_.journal.forget(command.id);
    } else {
      services_.journal.end(
          command.id,
          {.code = code, .message = message, .at = services_.runtime.clock().wallNow()});
    }
    send(command, writeFailure(command.id, code, message));
    const std::lock_guard lock(mutex_);
    if (may_come_again) answered_.forget(command.id);
    return;
  }
  if (command.id.empty()) return services_.out.result(writeError(code, message));
  services_.out.result(writeLegacy("error", encodeError(code, message), command.id));
}

void Dispatcher::send(const Command& command, const std::string& response) {
  const Action* const action = findAction(command.action);
  std::size_t repeats = 0;
  {
    const std::lock_guard lock(mutex_);
    repeats = answered_.answered(command.id, response, action != nullptr && action->only_reads);
  }
  services_.out.result(response);
  for (; repeats > 0; --repeats) sendAgain(command, response);
}

void Dispatcher::sendAgain(const Command& command, const std::string& response) {
  const Action* const action = findAction(command.action);
  const bool reads = action != nullptr && action->only_reads;
  services_.out.result(reads && services_.out.isFull()
                           ? writeFailure(command.id, "BUSY", Outgoing::kReadAnswers)
                           : response);
}

}  // namespace agent

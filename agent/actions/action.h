#pragma once

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include <libcontrol/result.h>

#include "agent/actions/services.h"
#include "agent/panel/command.h"

namespace agent {

/// One thing that a panel can ask for. Functions throw Refusal for what they do not do.
struct Action {
  std::string_view name;
  bool needs_server = false;

  /// Of an action that is accepted first and ends with events: `data.status` of its acceptance,
  /// what it adds to its operation (may be null), and how it is handed to the supervisor.
  std::string_view acceptance{};
  void (*describe)(const Command& command, Operation& operation) = nullptr;
  control::Result<void> (*begin)(Services& services, const Command& command,
                                 const std::string& operation_id) = nullptr;

  /// Of an action that is answered with its result: the data, and what is sent after it (may be
  /// null). `waits`: result() may wait for the engine and must not run on the link's thread.
  Json (*result)(Services& services, const Command& command, std::stop_token stop) = nullptr;
  bool waits = false;
  /// It changes nothing, so that doing it again for a repeated id does no harm.
  bool only_reads = false;
  /// It must not happen twice: refused when it cannot be written down first.
  bool once = false;
  void (*after)(Services& services, const Json& data) = nullptr;

  /// Of an action that is answered when something is done elsewhere: hands it on. `done` is called
  /// once, from any thread, with the data or with why there is none; not after an error here.
  using Done = std::function<void(const control::Result<Json>& data)>;
  control::Result<void> (*later)(Services& services, const Command& command, Done done) = nullptr;

  /// It works on the server's files: result() runs there in its turn, instead of `waits`.
  bool on_files = false;
  ServerWork::Pace pace = ServerWork::Pace::kQuick;
  /// Commands that take longer than others of this action; may be null.
  bool (*slow_when)(const Command& command) = nullptr;
  /// The type of message that answers a legacy one.
  std::string_view legacy_answer = "server_status";
};

/// Every action that is understood.
std::span<const Action> actions();
/// Null: there is none of that name.
const Action* findAction(std::string_view name);

// One function an action, one file a family.
control::Result<void> createServer(Services&, const Command&, const std::string& operation_id);
control::Result<void> startServer(Services&, const Command&, const std::string& operation_id);
control::Result<void> stopServer(Services&, const Command&, const std::string& operation_id);
control::Result<void> restartServer(Services&, const Command&, const std::string& operation_id);
control::Result<void> killServer(Services&, const Command&, const std::string& operation_id);
control::Result<void> deleteServer(Services&, const Command&, const std::string& operation_id);
void describeDelete(const Command&, Operation&);
control::Result<void> updateServer(Services&, const Command&, const std::string& operation_id);
/// The container anew from what the server is made of; the files stay.
control::Result<void> reinstallServer(Services&, const Command&, const std::string& operation_id);

Json getStatus(Services&, const Command&, std::stop_token stop);
void sendStatusEvent(Services&, const Json& data);
Json getMetrics(Services&, const Command&, std::stop_token stop);
Json listServers(Services&, const Command&, std::stop_token stop);

Json getSystemInfo(Services&, const Command&, std::stop_token stop);
Json getSystemMetrics(Services&, const Command&, std::stop_token stop);

control::Result<void> pullImage(Services&, const Command&, const std::string& operation_id);
void describePull(const Command&, Operation&);
Json listImages(Services&, const Command&, std::stop_token stop);
Json removeImage(Services&, const Command&, std::stop_token stop);
Json pruneImages(Services&, const Command&, std::stop_token stop);

}  // namespace agent

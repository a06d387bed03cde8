#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/actions/action.h"
#include "agent/panel/command.h"
#include "agent/panel/dedup.h"
#include "agent/panel/inherited.h"
#include "agent/panel/legacy.h"
#include "agent/panel/rate_limit.h"

namespace agent {

/// Takes messages of the panel, has each done by its action, and answers each exactly once.
///
/// Threads:  handle() on one thread. Blocking: none; what may wait runs on the workers.
class Dispatcher {
 public:
  explicit Dispatcher(Services services);

  /// See InheritedCommands. Before the first handle().
  void takeOver(std::vector<JournalEntry> entries) { inherited_.takeOver(std::move(entries)); }
  /// With each greeting, on the thread of handle().
  void connected() { inherited_.connected(); }

  void handle(std::string_view text);

 private:
  void handleMessage(const Json& message);
  void handleCommand(const Json& message);
  void handleLegacy(const LegacyRequest& request);
  void pong(const Json& message);

  bool isNew(const Command& command);
  /// Runs `work`, and answers `command` with the refusal or defect it ends with.
  template <class Work>
  void guarded(const Command& command, Work work);
  void perform(const Action& action, const Command& command);
  void writeDown(const Action& action, const Command& command);
  void accept(const Action& action, const Command& command);
  void answerOnWorker(const Action& action, const Command& command);
  void answerLater(const Action& action, const Command& command);
  void answer(const Action& action, const Command& command, std::stop_token stop);
  void suspend(const Command& command);
  void unsuspend(const Command& command);
  void reinstall(const Command& command);

  void succeed(const Command& command, Json data);
  void fail(const Command& command, const std::string& code, const std::string& message);
  void send(const Command& command, const std::string& response);
  void sendAgain(const Command& command, const std::string& response);

  Services services_;
  InheritedCommands inherited_;
  RateLimit rate_limit_;
  std::mutex mutex_;
  AnsweredIds answered_;
};

}  // namespace agent

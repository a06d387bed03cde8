#include "agent/panel/inherited.h"

#include <algorithm>
#include <utility>

#include "agent/actions/action.h"
#include "agent/panel/dedup.h"
#include "agent/panel/message.h"

namespace agent {
namespace {

constexpr const char* kUnknownOutcome =
    "the agent ended while it executed this command, and nobody knows whether it took effect; look "
    "at the server's status, files or backups before you send it again under a new id";

Outcome unknownOutcome(const Services& services) {
  return {.code = "OUTCOME_UNKNOWN",
          .message = kUnknownOutcome,
          .at = services.runtime.clock().wallNow()};
}

}  // namespace

void tellEnd(const Services& services, const JournalEntry& entry, const Outcome& outcome) {
  Json data;
  data.set("commandId", entry.id).set("action", entry.action);
  if (!entry.server_id.empty()) data.set("serverId", entry.server_id);
  data.set("success", outcome.success);
  const auto took = std::max(outcome.at - entry.at, control::WallTime::duration::zero());
  data.set("durationMs",
           static_cast<std::int64_t>(std::chrono::round<std::chrono::milliseconds>(took).count()));
  if (!outcome.success) data.set("error", encodeError(outcome.code, outcome.message));
  services.out.event("command_completed", std::move(data));
}

void InheritedCommands::takeOver(std::vector<JournalEntry> entries) {
  for (JournalEntry& entry : entries) {
    if (!entry.outcome) {
      untold_.push_back(entry.id);
      if (entry.accepted) {
        tellEnd(services_, entry, unknownOutcome(services_));
      } else {
        answer(entry);
      }
    } else {
      ended_.push_back(entry.id);
    }
    std::string id = entry.id;
    entries_.emplace(std::move(id), std::move(entry));
    forgetOld();  // at once, so that it takes no room first
  }
}

void InheritedCommands::forgetOld() {
  const control::WallTime now = services_.runtime.clock().wallNow();
  while (ended_.size() > AnsweredIds::kIds) {
    const auto oldest = entries_.find(ended_.front());
    if (now - oldest->second.at < AnsweredIds::kAge) return;
    entries_.erase(oldest);
    ended_.pop_front();
  }
}

void InheritedCommands::connected() {
  for (const std::string& id : std::exchange(untold_, {}))
    services_.journal.end(id, unknownOutcome(services_));
}

/// Whether an agent before this one began the command; answers it then.
bool InheritedCommands::answer(const Command& command) {
  if (entries_.empty()) return false;
  forgetOld();
  const auto entry = entries_.find(command.id);
  if (entry == entries_.end()) return false;
  if (entry->second.fingerprint == fingerprintOf(command.content())) {
    answer(entry->second);
  } else {
    services_.out.result(writeFailure(command.id, "ID_CONFLICT",
                                      "this id was used before with other content; use a new one"));
  }
  return true;
}

/// A command that was accepted is answered as it was then, and its end is told once more: the panel
/// may have heard of neither.
void InheritedCommands::answer(const JournalEntry& entry) {
  if (!entry.outcome || entry.outcome->code == "OUTCOME_UNKNOWN")
    return services_.out.result(
        writeFailure(entry.id, "OUTCOME_UNKNOWN", kUnknownOutcome, observed(entry.server_id)));
  const Action* const action = findAction(entry.action);
  if (entry.accepted && action != nullptr) {
    Json data;
    if (!entry.server_id.empty()) data.set("serverId", entry.server_id);
    data.set("status", action->acceptance);
    services_.out.result(writeSuccess(entry.id, entry.action, std::move(data)));
    return tellEnd(services_, entry, *entry.outcome);
  }
  if (entry.outcome->success)
    return services_.out.result(writeSuccess(entry.id, entry.action, observed(entry.server_id)));
  services_.out.result(writeFailure(entry.id, entry.outcome->code, entry.outcome->message));
}

/// What is seen of the server now; "deleted" for one that is not there.
Json InheritedCommands::observed(const std::string& server_id) const {
  Json data = Json::object();
  if (server_id.empty()) return data;
  const auto status = services_.supervisor.status(server_id);
  const bool absent = !status && status.error().code == control::ErrorCode::kNotFound;
  data.set("serverId", server_id);
  data.set("status", status   ? services_.shownStateOf(*status)
                     : absent ? control::toString(control::EntryState::kDeleted)
                              : control::toString(control::EntryState::kUnknown));
  return data;
}

}  // namespace agent

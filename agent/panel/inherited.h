#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/actions/services.h"
#include "agent/panel/command.h"

namespace agent {

/// Tells the panel how an accepted command ended.
void tellEnd(const Services& services, const JournalEntry& entry, const Outcome& outcome);

/// The commands that an agent before this one had begun: under their ids they are answered, and not
/// executed again. Of those that have ended it remembers as many, and as long, as AnsweredIds does
/// of its own.
///
/// Threads: one at a time.
class InheritedCommands {
 public:
  explicit InheritedCommands(Services& services) : services_(services) {}

  /// Tells the panel of those that had not ended, whose outcome nobody knows.
  void takeOver(std::vector<JournalEntry> entries);
  /// A panel is there and hears of them: the next agent need not tell it again.
  void connected();
  /// False: it is none of them.
  bool answer(const Command& command);

 private:
  void forgetOld();
  void answer(const JournalEntry& entry);
  Json observed(const std::string& server_id) const;

  Services& services_;
  std::vector<std::string> untold_;
  std::unordered_map<std::string, JournalEntry> entries_;
  std::deque<std::string> ended_;  ///< in the order of their beginnings
};

}  // namespace agent

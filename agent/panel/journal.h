#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/result.h>

#include "agent/descriptor.h"

namespace agent {

/// How a command ended; `code` and `message` are of its failure.
struct Outcome {
  bool success = false;
  std::string code{};
  std::string message{};
  control::WallTime at{};
};

/// A command that changes something.
struct JournalEntry {
  std::string id;
  std::string action;
  std::string server_id;  ///< empty: it belongs to none
  std::uint64_t fingerprint = 0;
  control::WallTime at{};
  bool accepted = false;  ///< the panel was told that its end would be told
  std::optional<Outcome> outcome{};
};

/// What is to be known of commands after the agent died: which were begun, and how they ended. Kept
/// as lines of JSON in `<directory>/commands.journal`, and what came before in
/// `commands.journal.old`; together at least the last 4,096 commands and those of the last 10
/// minutes, as far as 8 MiB hold them.
///
/// A line is written before the command takes effect, so that whatever ends the agent, none runs
/// twice. What ends the machine can take the last few milliseconds with it.
///
/// One process at a time: it goes on in the file of the one before.
///
/// Threads:  any. Blocking: for a write into the page cache; open() as long as the disk takes.
/// Errors:   kResourceExhausted, kPermissionDenied, kInternal; the message names the file.
class CommandJournal {
 public:
  explicit CommandJournal(std::string directory);
  ~CommandJournal();
  CommandJournal(const CommandJournal&) = delete;
  CommandJournal& operator=(const CommandJournal&) = delete;

  /// Reads what was written before and goes on from there; returns it, the newest of an id, in the
  /// order of their beginnings. Lines that cannot be read are passed over: `problem()` says so.
  control::Result<std::vector<JournalEntry>> open();
  /// What open() passed over; empty: nothing.
  const std::string& problem() const noexcept { return problem_; }

  control::Result<void> begin(const JournalEntry& entry);
  /// Both: nothing when the id was not begun or has ended. The end of an accepted command may
  /// overtake its acceptance, and says so.
  void accepted(const std::string& id);
  void end(const std::string& id, const Outcome& outcome, bool was_accepted = false);
  /// Was turned away and may come again under its id.
  void forget(const std::string& id);

 private:
  control::Result<void> write(const std::string& line);
  void writeNowOrLater(const std::string& line);
  control::Result<void> startFile();
  control::Result<void> rotate();
  bool isFull(control::WallTime now) const;
  void keepSyncing(const std::stop_token& stop);
  std::string path(const char* suffix = "") const;
  control::Error failure(const char* doing) const;

  const std::string directory_;
  std::string problem_;

  std::mutex mutex_;
  // Guarded by mutex_.
  Descriptor file_;
  std::size_t size_ = 0;
  std::size_t begun_ = 0;                    ///< commands in file_
  control::WallTime since_{};                ///< the first of them
  std::map<std::string, std::string> open_;  ///< id to the lines of commands that have not ended
  std::string unwritten_;                    ///< acceptances and ends of commands
  bool unsynced_ = false;
  std::condition_variable_any wake_;

  std::jthread syncer_;
};

}  // namespace agent

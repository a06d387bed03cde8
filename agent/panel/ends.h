#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "agent/panel/journal.h"

namespace agent {

/// How the last kMost accepted commands ended, for a panel that may not have heard of it: what was
/// written to a connection that broke is lost, and nobody can tell. Threads: any.
class Ends {
 public:
  static constexpr std::size_t kMost = 4096;

  /// From now on everything is told on a new connection.
  void connected();
  void note(const JournalEntry& ended);
  /// The end of a command, when it was told on an earlier connection; once on each.
  std::optional<JournalEntry> untold(const std::string& id);

 private:
  struct End {
    JournalEntry entry;
    std::uint64_t told_on = 0;
  };

  std::mutex mutex_;
  std::uint64_t connection_ = 0;
  std::unordered_map<std::string, End> ends_;
  std::deque<std::string> by_age_;
};

}  // namespace agent

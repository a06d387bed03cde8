#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include <libcontrol/testing/mock_control.h>

namespace control::mock {

/// The latest calls of an engine, in their order.
class Journal {
 public:
  static constexpr std::size_t kLimit = 4096;

  std::uint64_t begin(testing::JournalEntry entry);
  void finish(std::uint64_t call, const std::optional<ErrorCode>& error);
  std::vector<testing::JournalEntry> entries() const { return {entries_.begin(), entries_.end()}; }
  void clear() { entries_.clear(); }

 private:
  std::deque<testing::JournalEntry> entries_;
  std::uint64_t calls_ = 0;
};

}  // namespace control::mock

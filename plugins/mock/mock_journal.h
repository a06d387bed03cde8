#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include <libcontrol/testing/mock_control.h>

namespace control::mock {

/// The latest calls of an engine, in their order.
class Journal {
 public:
  static constexpr std::size_t kLimit = 4096;

  /// The entry stays where it is until so many more have come.
  std::uint64_t begin(TimePoint at, testing::Primitive primitive, std::string_view subject,
                      std::string_view detail);
  /// Null: it is no longer kept.
  testing::JournalEntry* find(std::uint64_t call);
  std::vector<testing::JournalEntry> entries() const { return {entries_.begin(), entries_.end()}; }
  /// A line for each, times counted from `origin`.
  std::string text(TimePoint origin) const;
  void clear() { entries_.clear(); }

 private:
  std::deque<testing::JournalEntry> entries_;
  std::uint64_t calls_ = 0;
};

}  // namespace control::mock

#include "mock/mock_journal.h"

#include <utility>

namespace control::mock {

std::uint64_t Journal::begin(testing::JournalEntry entry) {
  if (entries_.size() == kLimit) entries_.pop_front();
  entries_.push_back(std::move(entry));
  return ++calls_;
}

void Journal::finish(std::uint64_t call, const std::optional<ErrorCode>& error) {
  // The calls that are kept end with the latest one.
  const std::uint64_t age = calls_ - call;
  if (age >= entries_.size()) return;
  auto& entry = entries_[entries_.size() - 1 - age];
  entry.finished = true;
  entry.error = error;
}

}  // namespace control::mock

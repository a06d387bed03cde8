#include "agent/panel/ends.h"

#include <utility>

namespace agent {

void Ends::connected() {
  const std::lock_guard lock(mutex_);
  ++connection_;
}

void Ends::note(const JournalEntry& ended) {
  const std::lock_guard lock(mutex_);
  if (!ends_.insert_or_assign(ended.id, End{ended, connection_}).second) return;
  by_age_.push_back(ended.id);
  if (by_age_.size() <= kMost) return;
  ends_.erase(by_age_.front());
  by_age_.pop_front();
}

std::optional<JournalEntry> Ends::untold(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto end = ends_.find(id);
  if (end == ends_.end()) return std::nullopt;
  if (std::exchange(end->second.told_on, connection_) == connection_) return std::nullopt;
  return end->second.entry;
}

}  // namespace agent

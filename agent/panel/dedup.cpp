#include "agent/panel/dedup.h"

#include <algorithm>
#include <utility>

namespace agent {
namespace {

/// What is kept of a reading beside its response, roughly.
constexpr std::size_t kPerReading = 128;
/// Repeats of a command in progress that get an answer each when it has ended.
constexpr std::size_t kMostWaiting = 4;

}  // namespace

/// FNV-1a over eight bytes at a time, whose high bits are folded back: it takes what uploads carry
/// a tenth of the time.
std::uint64_t fingerprintOf(std::string_view content) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const std::size_t size = content.size();
  while (!content.empty()) {
    std::uint64_t word = 0;
    const std::size_t taken = content.copy(reinterpret_cast<char*>(&word), sizeof word);
    content.remove_prefix(taken);
    hash = (hash ^ word) * 0x100000001b3U;
    hash ^= hash >> 29;
  }
  return (hash ^ size) * 0x100000001b3U;
}

AnsweredIds::Check AnsweredIds::check(const std::string& id, std::string_view content,
                                      control::TimePoint now) {
  const std::uint64_t fingerprint = fingerprintOf(content);
  const auto found = entries_.find(id);
  if (found == entries_.end()) {
    Entry entry;
    entry.fingerprint = fingerprint;
    entry.generation = ++generation_;
    by_age_.push_back({id, entry.generation, now});
    entries_.emplace(id, std::move(entry));
    expire(now);
    return {Verdict::kNew, {}};
  }
  Entry& entry = found->second;
  if (entry.fingerprint != fingerprint) return {Verdict::kConflict, {}};
  if (entry.response) return {Verdict::kRepeat, *entry.response};
  if (std::exchange(entry.read_again, false)) return {Verdict::kNew, {}};
  entry.waiting = std::min(entry.waiting + 1, kMostWaiting);
  return {Verdict::kInFlight, {}};
}

std::size_t AnsweredIds::answered(const std::string& id, const std::string& response,
                                  bool reading) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return 0;
  Entry& entry = found->second;
  entry.response = response;
  const std::size_t waiting = std::exchange(entry.waiting, 0);
  if (reading) {
    readings_.push_back({id, entry.generation, response.size() + kPerReading});
    reading_bytes_ += readings_.back().bytes;
    forgetOldReadings();
  }
  return waiting;
}

AnsweredIds::Entry* AnsweredIds::entryOf(const std::string& id, std::uint64_t generation) {
  const auto found = entries_.find(id);
  const bool is_known = found != entries_.end() && found->second.generation == generation;
  return is_known ? &found->second : nullptr;
}

/// Those of ids that are no longer known as well: each takes its place here too.
void AnsweredIds::forgetOldReadings() {
  while (!readings_.empty()) {
    const Reading& oldest = readings_.front();
    Entry* const entry = entryOf(oldest.id, oldest.generation);
    if (entry != nullptr && reading_bytes_ <= kMostReadings) return;
    if (entry != nullptr) {
      entry->read_again = entry->response.has_value();
      entry->response.reset();
    }
    reading_bytes_ -= oldest.bytes;
    readings_.pop_front();
  }
}

void AnsweredIds::forget(const std::string& id) { entries_.erase(id); }

bool AnsweredIds::isInProgress(const std::string& id, const Entry& entry) const {
  return (!entry.response && !entry.read_again) || in_progress_(id);
}

void AnsweredIds::expire(control::TimePoint now) {
  for (std::size_t left = by_age_.size(); left > 0 && by_age_.size() > kIds; --left) {
    Age oldest = by_age_.front();
    if (now - oldest.since < kAge && by_age_.size() <= kMostIds) return;
    by_age_.pop_front();
    // An id that was forgotten and came again has a younger place in the queue as well.
    const Entry* const entry = entryOf(oldest.id, oldest.generation);
    if (entry == nullptr) continue;
    if (isInProgress(oldest.id, *entry)) {
      oldest.since = now;
      by_age_.push_back(std::move(oldest));
    } else {
      entries_.erase(oldest.id);
    }
  }
}

}  // namespace agent

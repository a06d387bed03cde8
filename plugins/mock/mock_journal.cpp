#include "mock/mock_journal.h"

#include <utility>

#include "mock/mock_text.h"

namespace control::mock {
namespace {

std::string line(const testing::JournalEntry& entry, TimePoint origin) {
  std::string text = seconds(entry.at - origin) + " " + std::string(toString(entry.primitive));
  if (!entry.subject.empty()) text += " " + entry.subject;
  if (!entry.detail.empty()) text += " " + entry.detail;
  text += " -> ";
  if (!entry.finished) return text + "open\n";
  if (entry.error)
    text += std::string(toString(*entry.error)) + ", effect " + std::string(toString(entry.effect));
  else
    text += entry.outcome;
  if (entry.finished_at != entry.at) text += ", at " + seconds(entry.finished_at - origin);
  if (!entry.rule.empty()) text += ", by " + entry.rule;
  return text + "\n";
}

}  // namespace

std::uint64_t Journal::begin(TimePoint at, testing::Primitive primitive, std::string_view subject,
                             std::string_view detail) {
  if (entries_.size() == kLimit) entries_.pop_front();
  testing::JournalEntry entry;
  entry.at = entry.finished_at = at;
  entry.primitive = primitive;
  entry.subject.assign(subject);
  entry.detail.assign(detail);
  entries_.push_back(std::move(entry));
  return ++calls_;
}

testing::JournalEntry* Journal::find(std::uint64_t call) {
  // The calls that are kept end with the latest one.
  const std::uint64_t age = calls_ - call;
  return age < entries_.size() ? &entries_[entries_.size() - 1 - age] : nullptr;
}

std::string Journal::text(TimePoint origin) const {
  std::string text;
  for (const auto& entry : entries_) text += line(entry, origin);
  return text;
}

}  // namespace control::mock

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <libcontrol/call.h>

namespace agent {

/// Tells contents apart, the same in every run of the agent.
std::uint64_t fingerprintOf(std::string_view content) noexcept;

/// Remembers the ids of commands and the response each got, so that a repeated command is answered
/// again and not executed again. Keeps the last kIds ids, and more as long as they are younger than
/// kAge or in progress. What reading answered is kept up to kMostReadings bytes: beyond, a repeat
/// reads again, which does no harm, where a panel that asks for all its servers every second would
/// fill the memory. Threads: one at a time.
class AnsweredIds {
 public:
  static constexpr std::size_t kIds = 4096;
  static constexpr control::Duration kAge = std::chrono::minutes(10);
  /// Never more than this, whatever their age.
  static constexpr std::size_t kMostIds = 131'072;
  static constexpr std::size_t kMostReadings = 8 * 1024 * 1024;

  enum class Verdict {
    kNew,       ///< remembered now, or a reading to be done again; execute it and call answered()
    kRepeat,    ///< `response` answers it
    kInFlight,  ///< executes at this moment; answered() will say how often to send the response
    kConflict,  ///< the id was used with other content
  };
  struct Check {
    Verdict verdict = Verdict::kNew;
    std::string response{};
  };

  using InProgress = std::function<bool(const std::string& id)>;

  /// `in_progress`: whether a command that was accepted has not ended. Called by check().
  explicit AnsweredIds(InProgress in_progress = [](const std::string&) { return false; })
      : in_progress_(std::move(in_progress)) {}

  Check check(const std::string& id, std::string_view content, control::TimePoint now);
  /// Keeps the response; returns how many repeats came meanwhile and wait for it. `reading`: the
  /// command changed nothing and may be executed again.
  std::size_t answered(const std::string& id, const std::string& response, bool reading = false);
  /// The command was turned away and may come again.
  void forget(const std::string& id);

  std::size_t size() const noexcept { return entries_.size(); }
  /// Responses that reading gave and that are kept.
  std::size_t readings() const noexcept { return readings_.size(); }

 private:
  struct Entry {
    std::uint64_t fingerprint = 0;
    std::uint64_t generation = 0;
    std::optional<std::string> response{};
    std::size_t waiting = 0;
    bool read_again = false;  ///< its response was forgotten
  };
  struct Reading {
    std::string id;
    std::uint64_t generation;
    std::size_t bytes;
  };
  struct Age {
    std::string id;
    std::uint64_t generation;
    control::TimePoint since;
  };

  void expire(control::TimePoint now);
  bool isInProgress(const std::string& id, const Entry& entry) const;
  void forgetOldReadings();
  /// Null: the id is no longer known, or another one's.
  Entry* entryOf(const std::string& id, std::uint64_t generation);

  const InProgress in_progress_;
  std::unordered_map<std::string, Entry> entries_;
  std::deque<Age> by_age_;
  std::deque<Reading> readings_;
  std::size_t reading_bytes_ = 0;
  std::uint64_t generation_ = 0;
};

}  // namespace agent

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include <libcontrol/call.h>

namespace agent {

/// Remembers the ids of commands and the response each got, so that a repeated command is answered
/// again and not executed again. Keeps the last kIds ids, and more as long as they are younger than
/// kAge. Threads: one at a time.
class AnsweredIds {
 public:
  static constexpr std::size_t kIds = 4096;
  static constexpr control::Duration kAge = std::chrono::minutes(10);
  /// Never more than this, whatever their age.
  static constexpr std::size_t kMostIds = 131'072;

  enum class Verdict {
    kNew,       ///< remembered now; execute it and call answered()
    kRepeat,    ///< `response` answers it
    kInFlight,  ///< executes at this moment; answered() will say how often to send the response
    kConflict,  ///< the id was used with other content
  };
  struct Check {
    Verdict verdict = Verdict::kNew;
    std::string response{};
  };

  Check check(const std::string& id, const std::string& content, control::TimePoint now);
  /// Keeps the response; returns how many repeats came meanwhile and wait for it.
  std::size_t answered(const std::string& id, const std::string& response);
  /// The command was turned away and may come again.
  void forget(const std::string& id);

  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t fingerprint = 0;
    std::uint64_t generation = 0;
    std::optional<std::string> response{};
    std::size_t waiting = 0;
  };
  struct Age {
    std::string id;
    std::uint64_t generation;
    control::TimePoint since;
  };

  void expire(control::TimePoint now);

  std::unordered_map<std::string, Entry> entries_;
  std::deque<Age> by_age_;
  std::uint64_t generation_ = 0;
};

}  // namespace agent

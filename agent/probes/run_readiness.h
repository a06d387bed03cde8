#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <libcontrol/call.h>

#include "agent/probes/exchange.h"
#include "agent/probes/readiness_rule.h"

namespace agent {

/// Whether a server that runs is ready, and whether it still answers, as shown to a panel.
struct Liveness {
  bool starting = false;  ///< it runs, and its rule has not held yet
  bool ready = false;     ///< it runs, and its rule held once
  std::optional<Players> players{};
  std::optional<bool> responding{};  ///< absent: nobody asks it
  std::string warning{};             ///< what is wrong, for people; empty: nothing
};

/// What a HEALTHCHECK says of a server whose run is of this `age`; absent: there is none.
struct HealthVerdict {
  enum class Kind : int { kHolds, kFails, kUntold };
  Kind kind = Kind::kUntold;
  std::string why{};
};
HealthVerdict verdictOf(const std::optional<control::Health>& health, control::Duration age);

/// What becomes of one run of a server, from what is found out about it.
///
/// Threads: one at a time.
class RunReadiness {
 public:
  using Clock = std::chrono::steady_clock;

  /// A server that was ready and leaves so many questions in a row unanswered hangs.
  static constexpr int kSilentAfter = 3;
  static constexpr std::chrono::milliseconds kFirstPause{250};

  RunReadiness(const ReadinessRule& rule, Clock::time_point began);

  /// What is new, and has to be told.
  enum class News : int {
    kNone,
    kReady,
    kLate,     ///< the rule's timeout is over
    kSilent,   ///< it was ready and does not answer any more
    kAnswers,  ///< again
    kWarning,  ///< Liveness::warning
  };
  News holds(const ProbeAnswer& answer);
  News fails(const std::string& why, Clock::time_point now);
  /// It could not be asked at all; that says nothing of the server.
  News unasked(const std::string& why, Clock::time_point now);
  /// Nobody will ever know: it counts as ready.
  News untold(const std::string& why);

  const Liveness& liveness() const noexcept { return liveness_; }
  bool ready() const noexcept { return !liveness_.starting; }
  /// How long to wait before the next question; absent: nothing is left to be found out.
  std::optional<control::Duration> pause();

 private:
  const ReadinessRule::Kind kind_;
  const control::Duration interval_;
  const control::Duration timeout_;
  const Clock::time_point began_;
  Liveness liveness_{.starting = true};
  bool untold_ = false;
  bool late_ = false;
  int failures_ = 0;  ///< in a row
  control::Duration pause_ = kFirstPause;
};

}  // namespace agent

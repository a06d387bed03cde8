#include "agent/probes/run_readiness.h"

#include <algorithm>

namespace agent {
namespace {

using News = RunReadiness::News;

/// A check is due once in its interval; one that has not run after two of them, and some, never
/// does.
constexpr control::Duration kUsualCheckInterval = std::chrono::seconds(30);
constexpr control::Duration kCheckSlack = std::chrono::seconds(10);

}  // namespace

HealthVerdict verdictOf(const std::optional<control::Health>& health, control::Duration age) {
  if (!health) return {HealthVerdict::Kind::kUntold, "its image has no HEALTHCHECK"};
  if (health->state == control::Health::State::kHealthy) return {HealthVerdict::Kind::kHolds, {}};
  const auto longest = 2 * health->interval.value_or(kUsualCheckInterval) + kCheckSlack;
  if (health->state == control::Health::State::kStarting && !health->checked && age > longest)
    return {HealthVerdict::Kind::kUntold, "the engine does not run its HEALTHCHECK"};
  return {HealthVerdict::Kind::kFails, "its HEALTHCHECK says " + health->raw_state};
}

RunReadiness::RunReadiness(const ReadinessRule& rule, Clock::time_point began)
    : kind_(rule.kind), interval_(rule.interval), timeout_(rule.timeout), began_(began) {}

News RunReadiness::holds(const ProbeAnswer& answer) {
  const bool was_ready = ready();
  const bool was_silent = liveness_.responding == false;
  failures_ = 0;
  liveness_ = {.ready = true, .players = answer.players};
  if (kind_ != ReadinessRule::Kind::kConsole) liveness_.responding = true;
  if (!was_ready) return News::kReady;
  return was_silent ? News::kAnswers : News::kNone;
}

News RunReadiness::fails(const std::string& why, Clock::time_point now) {
  if (!ready()) return unasked(why, now);
  if (++failures_ != kSilentAfter) return News::kNone;
  liveness_ = {.ready = true, .responding = false, .warning = "it does not answer: " + why};
  return News::kSilent;
}

News RunReadiness::unasked(const std::string& why, Clock::time_point now) {
  if (ready() || now - began_ < timeout_) return News::kNone;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(timeout_).count();
  liveness_.warning = "not ready after " + std::to_string(seconds) + " s: " + why;
  return std::exchange(late_, true) ? News::kNone : News::kLate;
}

News RunReadiness::untold(const std::string& why) {
  const bool was_ready = ready();
  untold_ = true;
  liveness_ = {.ready = true, .warning = "whether it is ready cannot be told: " + why};
  return was_ready ? News::kWarning : News::kReady;
}

std::optional<control::Duration> RunReadiness::pause() {
  if (untold_ || (ready() && kind_ == ReadinessRule::Kind::kConsole)) return std::nullopt;
  if (ready()) return interval_;
  return std::min(interval_, std::exchange(pause_, std::min(2 * pause_, interval_)));
}

}  // namespace agent

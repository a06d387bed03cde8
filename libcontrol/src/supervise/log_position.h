#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <libcontrol/streams.h>

#include "supervise/checksum.h"

namespace control {

/// How far a container's log was read, so that reading goes on there without a lost or doubled
/// byte: for stdout (or a terminal) and stderr each, the time stamp of what came last, how much of
/// that stamp came, and a checksum of it. Engines stamp the two side by side, so that only each by
/// itself is in order. Not thread-safe.
class LogPosition {
 public:
  struct Moment {
    std::optional<WallTime> at{};
    std::uint64_t bytes = 0;
    std::uint64_t checksum = kChecksumOfNothing;

    bool operator==(const Moment&) const = default;
  };

  enum class Verdict {
    kNew,
    kSeen,     ///< read before
    kNewLost,  ///< new, and something that was written before it is no longer in the log
  };

  /// From where to ask for the log; absent: from its beginning.
  std::optional<WallTime> since() const;
  /// The log is being read again, from since() on.
  void resume();
  /// Whether it is not known yet if all that comes is new.
  bool resuming() const { return again_[0] || again_[1]; }
  /// Whether `output` was read before. What was is cut off its front.
  Verdict take(Output& output);

  /// Nothing was read: of another container.
  void reset() { *this = LogPosition(); }

  const std::array<Moment, 2>& moments() const { return moments_; }
  void restore(const std::array<Moment, 2>& moments) { moments_ = moments; }

 private:
  static void add(Moment& moment, std::string_view bytes);
  Verdict skip(std::size_t slot, Output& output);

  std::array<Moment, 2> moments_{};
  std::array<std::optional<Moment>, 2> again_{};  ///< what of moments_ has come again
};

}  // namespace control

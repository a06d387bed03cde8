#pragma once

#include <chrono>
#include <functional>
#include <optional>

namespace agent {

/// How an attempt to be connected ended.
struct LinkEnd {
  enum class Kind : int {
    kNoConnection,  ///< it was never established
    kRefused,       ///< the panel does not accept our secret or node id (401, 403)
    kLost,          ///< it was established
  };
  Kind kind = Kind::kNoConnection;
  std::chrono::milliseconds lived{0};  ///< for kLost
  /// The panel asked us to stay away for so long (Retry-After).
  std::optional<std::chrono::milliseconds> stay_away{};
  /// The panel restarts or is overloaded (close codes 1012, 1013).
  bool come_back_later = false;
};

/// Decides how long to wait before the next attempt, so that many agents do not come back at once.
/// Not thread-safe.
class Backoff {
 public:
  /// Gives numbers from [0, 1).
  using Random = std::function<double()>;
  explicit Backoff(Random random) : random_(std::move(random)) {}

  std::chrono::milliseconds next(const LinkEnd& end);

 private:
  std::chrono::milliseconds jitter(std::chrono::milliseconds limit) const;
  std::chrono::milliseconds usual(const LinkEnd& end);

  Random random_;
  int failures_ = 0;     ///< attempts without a connection since a link lived long
  int short_lives_ = 0;  ///< links in a row that were lost soon
};

}  // namespace agent

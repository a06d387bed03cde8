#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/result.h>

namespace agent {

/// Who plays on a server, as it says itself.
struct Players {
  /// Names beyond these are left out; a name that is longer is cut.
  static constexpr std::size_t kMostNames = 256;
  static constexpr std::size_t kLongestName = 64;

  std::int64_t online = 0;
  std::optional<std::int64_t> max{};
  std::optional<std::vector<std::string>> list{};  ///< valid UTF-8; may be a part of them

  /// Adds a name as a peer sent it, in whatever encoding. Empty ones are left out.
  void addName(std::string_view name);
  bool operator==(const Players&) const = default;
};

/// What a server that answers says of itself.
struct ProbeAnswer {
  std::optional<Players> players{};
};

/// One question to a game server as bytes: what is to be sent, and what the answer means. Servers
/// are foreign code: whatever they send is an answer or an error, within bounds. No I/O.
///
/// Threads: one at a time.
class Exchange {
 public:
  enum class Transport : int { kTcp, kUdp };

  virtual ~Exchange() = default;
  virtual Transport transport() const = 0;
  /// What is to be sent now, once; over UDP one datagram. Empty: nothing.
  virtual std::string takeOutput() = 0;
  /// Takes what came: any piece of a stream, or one datagram. Whether the answer is complete.
  /// kUnavailable: it is none.
  virtual control::Result<bool> take(std::string_view bytes) = 0;
  /// What was said so far counts as an answer when nothing more comes for so long; absent: not yet.
  virtual std::optional<std::chrono::milliseconds> patience() const { return std::nullopt; }
  virtual ProbeAnswer answer() const = 0;
};

/// Whether something listens: a connection that stands for a moment. Engines' port proxies accept
/// before they know whether anybody listens in the container, and close at once when nobody does.
class OpenPort : public Exchange {
 public:
  static constexpr std::chrono::milliseconds kStands{300};

  Transport transport() const override { return Transport::kTcp; }
  std::string takeOutput() override { return {}; }
  control::Result<bool> take(std::string_view) override { return true; }
  std::optional<std::chrono::milliseconds> patience() const override { return kStands; }
  ProbeAnswer answer() const override { return {}; }
};

}  // namespace agent

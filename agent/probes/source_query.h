#pragma once

#include <array>
#include <string>

#include "agent/probes/exchange.h"

namespace agent {

/// Valve's server query, A2S: A2S_INFO for how many play, then A2S_PLAYER for who, each asked again
/// with the challenge that the server gives. A server that keeps who plays to itself is answer
/// enough without. Answers in several datagrams are joined, compressed ones refused.
class SourceQuery : public Exchange {
 public:
  static constexpr std::size_t kMostParts = 32;
  static constexpr std::size_t kLongestAnswer = 64 * 1024;
  /// How long to wait for who plays when it is known how many.
  static constexpr std::chrono::milliseconds kListTime{700};

  SourceQuery();

  Transport transport() const override { return Transport::kUdp; }
  std::string takeOutput() override;
  control::Result<bool> take(std::string_view datagram) override;
  std::optional<std::chrono::milliseconds> patience() const override;
  ProbeAnswer answer() const override { return answer_; }

 private:
  control::Result<bool> takePart(std::string_view part);
  control::Result<bool> takeAnswer(std::string_view answer);
  control::Result<bool> takeChallenge(std::string_view challenge);
  control::Result<bool> takeInfo(std::string_view info);
  control::Result<bool> takePlayers(std::string_view players);
  void askPlayers(std::string_view challenge);

  struct Parts {
    std::uint32_t id = 0;
    std::size_t total = 0;
    std::size_t came = 0;
    std::size_t bytes = 0;
    std::array<std::optional<std::string>, kMostParts> parts{};
  };

  std::string output_;
  bool has_info_ = false;
  int challenges_ = 0;  ///< that were given
  std::string challenge_;
  Parts parts_;
  ProbeAnswer answer_;
};

}  // namespace agent

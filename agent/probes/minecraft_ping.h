#pragma once

#include <string>

#include "agent/probes/exchange.h"

namespace agent {

/// Minecraft's Server List Ping (1.7 and later): a handshake that asks for the status, and the
/// status as JSON. Servers that hide who plays say nothing of players.
class MinecraftPing : public Exchange {
 public:
  /// Texts of this protocol hold at most 32,767 characters, of 3 bytes each in its reckoning.
  static constexpr std::size_t kLongestStatus = std::size_t{32767} * 3;

  /// As the handshake names it; servers ignore it.
  MinecraftPing(const std::string& address, std::uint16_t port);

  Transport transport() const override { return Transport::kTcp; }
  std::string takeOutput() override;
  control::Result<bool> take(std::string_view bytes) override;
  ProbeAnswer answer() const override { return answer_; }

 private:
  control::Result<bool> readStatus(std::string_view json);

  std::string output_;
  std::string received_;
  ProbeAnswer answer_;
};

}  // namespace agent

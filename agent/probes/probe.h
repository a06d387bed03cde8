#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <libcontrol/result.h>

#include "agent/descriptor.h"
#include "agent/probes/exchange.h"

namespace agent {

/// Where a server can be asked: an address of this host, as a number, and a port.
struct ProbeAddress {
  std::string ip{};
  std::uint16_t port = 0;

  std::string text() const;
  bool operator==(const ProbeAddress&) const = default;
};

/// One question on its way, over a socket that never blocks.
///
/// Threads: one at a time.
class Probe {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kLongest{5};

  /// What is wrong with the address is told by the first advance().
  Probe(std::unique_ptr<Exchange> exchange, const ProbeAddress& address, Clock::time_point now);

  /// What poll(2) is to wait for.
  pollfd waiting() const;
  /// When advance() has to be called at the latest.
  Clock::time_point due() const;
  /// Goes on as far as it can. The answer, or why there is none; absent: not yet.
  std::optional<control::Result<ProbeAnswer>> advance(Clock::time_point now);

 private:
  using Outcome = std::optional<control::Result<ProbeAnswer>>;

  void open();
  Outcome finishConnecting();
  Outcome send();
  Outcome receive(Clock::time_point now);
  control::Error failed(const std::string& why) const;

  const std::unique_ptr<Exchange> exchange_;
  const ProbeAddress address_;
  const Clock::time_point deadline_;
  std::optional<Clock::time_point> enough_at_;  ///< nothing more needs to come by then
  Descriptor socket_;
  int problem_ = 0;  ///< errno of opening
  bool connected_ = false;
  std::string unsent_;
};

}  // namespace agent

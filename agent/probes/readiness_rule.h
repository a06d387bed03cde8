#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/result.h>
#include <libcontrol/types.h>

#include "agent/panel/fields.h"
#include "agent/probes/exchange.h"
#include "agent/probes/probe.h"

namespace agent {

/// What has to hold before a server that runs counts as ready. A server without one is ready as
/// soon as its process is up.
struct ReadinessRule {
  enum class Kind : int { kConsole, kTcp, kMinecraft, kSource, kHealth };

  Kind kind = Kind::kTcp;
  std::uint16_t port = 0;  ///< in the container, of the kinds that ask a port
  std::string pattern{};   ///< of kConsole: what a line has to hold
  bool is_regex = false;
  /// Between two questions; before it is ready they come sooner at first.
  control::Duration interval = std::chrono::seconds(5);
  /// How long it may take to become ready before that is told.
  control::Duration timeout = std::chrono::minutes(5);

  bool asksPort() const noexcept { return kind != Kind::kConsole && kind != Kind::kHealth; }
  control::PortProtocol protocol() const noexcept {
    return kind == Kind::kSource ? control::PortProtocol::kUdp : control::PortProtocol::kTcp;
  }
  /// "tcp 25565", for people.
  std::string text() const;
  /// How it is kept in a label, and back. kInvalidArgument.
  std::string toLabel() const;
  static control::Result<ReadinessRule> parseLabel(std::string_view label);
  bool operator==(const ReadinessRule&) const = default;
};

/// Reads the fields of `readiness`. Absent: its process being up is enough. INVALID_PAYLOAD.
std::optional<ReadinessRule> readReadiness(const Fields& readiness);

/// The question that a rule of a port asks.
std::unique_ptr<Exchange> exchangeFor(const ReadinessRule& rule, const ProbeAddress& address);

/// Where a server with `spec` can be asked: at the port of this host that its own port is
/// published on, or that port itself on the host's network. It is never an address of another host.
/// kInvalidArgument: the port is not the server's; kWrongState: it is not known yet.
control::Result<ProbeAddress> probeAddress(const ReadinessRule& rule,
                                           const control::ContainerSpec& spec);

/// Whether `ip` is an address of this host, or stands for all of them.
bool isAddressOfThisHost(const std::string& ip);

}  // namespace agent

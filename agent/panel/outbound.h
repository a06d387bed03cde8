#pragma once

#include <cstdint>
#include <string>

namespace agent {

/// What the link may do with a message while it waits to be sent.
enum class Delivery {
  kResult,   ///< responses and errors: never dropped, sent before everything else
  kOutcome,  ///< ends of accepted commands: never dropped, in order with the rest
  kState,    ///< changes of state: when the outbox is full, the newest of each subject remains
  kConsole,  ///< lines of output: when it is full the oldest go, and a gap is told in their place
  kStream,   ///< measurements and progress: when it is full the oldest go first
};

/// A message for the panel, and what may become of it while it waits.
struct Outbound {
  std::string text{};
  Delivery delivery = Delivery::kState;
  /// kState: what it is about, so that a newer one stands for it; empty: nothing stands for it.
  /// kConsole: the server.
  std::string subject{};
  /// Of an event; 0: it is none, and no gap is told when it is dropped.
  std::uint64_t sequence = 0;
  bool binary = false;
};

}  // namespace agent

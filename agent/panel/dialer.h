#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "agent/panel/link.h"
#include "agent/panel/transport.h"
#include "agent/panel/upgrade.h"

namespace agent {

/// A WebSocket to the panel, or why there is none.
struct Dialed {
  std::unique_ptr<Transport> transport{};
  std::string early{};  ///< what came in the segments of the upgrade, and belongs to the frames
  DialFailure failure{};
};

/// Makes connections to the panel: name, TCP, TLS, upgrade. Every attempt asks for the addresses
/// anew and tries them in turn. No redirect is followed.
///
/// Threads:  dial() from one thread. Blocking: dial(), 10 s a step; it gives up within 100 ms when
/// `stopping` turns true. Errors: nothing throws.
class Dialer {
 public:
  Dialer(const LinkSettings& settings, const std::atomic<bool>& stopping)
      : settings_(settings), target_(targetOf(settings)), stopping_(stopping) {}

  Dialed dial();

 private:
  Dialed upgrade(std::unique_ptr<Transport> transport) const;

  const LinkSettings& settings_;
  const Target target_;
  const std::atomic<bool>& stopping_;
};

}  // namespace agent

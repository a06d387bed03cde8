#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include <libcontrol/result.h>

#include "agent/descriptor.h"

namespace agent {

/// How often a dial looks whether it is to stop.
inline constexpr std::chrono::milliseconds kStopGlance{100};

/// Resolves `host` and connects to the first of its addresses that answers, each having its share
/// of the time. The descriptor is close-on-exec, non-blocking, and tuned to notice a dead peer.
/// kUnavailable: the message says why, address by address. kCancelled: `stopping` turned true, seen
/// within 100 ms.
control::Result<Descriptor> connectTcp(const std::string& host, const std::string& port,
                                       std::chrono::milliseconds timeout,
                                       const std::atomic<bool>& stopping);

}  // namespace agent

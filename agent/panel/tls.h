#pragma once

#include <functional>
#include <memory>
#include <string>

#include <libcontrol/result.h>

#include "agent/panel/transport.h"

namespace agent {

/// Waits until poll(2) reports `events` on the descriptor. False: there is no more time for that.
using AwaitEvents = std::function<bool(int descriptor, short events)>;

/// TLS 1.2 or later on a connected non-blocking descriptor. The certificate's chain and that it is
/// for `host`, which may be an address, are verified before anything else is sent. `ca_file` adds
/// authorities to the system's; it is read anew each time.
/// kUnavailable: the message says what is wrong, and what to do. kDeadlineExceeded: `await` said
/// so.
control::Result<std::unique_ptr<Transport>> connectTls(Descriptor descriptor,
                                                       const std::string& host,
                                                       const std::string& ca_file,
                                                       const AwaitEvents& await);

}  // namespace agent

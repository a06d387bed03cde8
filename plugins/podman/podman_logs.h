#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "engine/http_client.h"
#include "engine/process.h"

namespace control::podman {

/// Opens the log of one container as it is now, from `since` (inclusive) on.
using OpenLog = std::function<Result<std::unique_ptr<engine::HttpStream>>(
    std::optional<WallTime> since, const CallContext& context)>;

struct FollowForm {
  bool tty = false;
  bool timestamps = false;  ///< hand them on; the connection brings them in any case
  bool tail = false;        ///< it began somewhere in the log
  /// Process 1, where it is on this host. What the service tells last after its end may be half of
  /// a line.
  std::shared_ptr<const engine::Process> process{};
};

/// Waits for the head of an answer. A status that is no success is an Error.
Result<void> checkHead(engine::HttpStream& http, const CallContext& context);

/// A followed log with its end. Podman looks for more every 250 ms, stops following about as long
/// after the exit, and loses what it did not get to in between: that is read from the log then.
Result<std::unique_ptr<LogStream>> makeFollowedLog(std::unique_ptr<engine::HttpStream> http,
                                                   OpenLog open_rest, FollowForm form,
                                                   Clock& clock);

}  // namespace control::podman

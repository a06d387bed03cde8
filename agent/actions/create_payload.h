#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <libcontrol/supervisor.h>

#include "agent/actions/limits.h"
#include "agent/actions/startup_template.h"
#include "agent/panel/fields.h"
#include "agent/probes/readiness_rule.h"

namespace agent {

/// Labels of ours on a server's container. The supervisor sets the first three.
inline constexpr const char* kManagedLabel = "ctrl-alt-play.managed";
inline constexpr const char* kServerIdLabel = "ctrl-alt-play.server-id";
/// The node whose agent made the container: agents that share an engine leave each other's alone.
inline constexpr const char* kNodeLabel = "ctrl-alt-play.node";
inline constexpr const char* kRestartLabel = "ctrl-alt-play.restart";
inline constexpr const char* kStartupLabel = "ctrl-alt-play.startup";  ///< the template, unfilled
inline constexpr const char* kStopTimeoutLabel = "ctrl-alt-play.stop-timeout";  ///< seconds
inline constexpr const char* kStopLadderLabel = "ctrl-alt-play.stop";      ///< the supervisor's
inline constexpr const char* kDiskLabel = "ctrl-alt-play.disk";            ///< bytes
inline constexpr const char* kReadinessLabel = "ctrl-alt-play.readiness";  ///< ReadinessRule

inline constexpr std::int64_t kDefaultPids = 512;
inline constexpr control::Duration kDefaultStopTimeout = std::chrono::seconds(30);
inline constexpr double kLongestStopTimeoutSeconds = 86'400;

/// The `limits` of a payload, wrapped by `eggConfig` or not.
Fields limitsOf(const Fields& payload);

/// Reads `environment`. `removed` (may be null) gets the names whose value is null; without it null
/// is refused.
Environment readEnvironment(const Fields& payload, std::vector<std::string>* removed);

/// Reads `image`.
std::string readImage(const Fields& payload);

struct CreateSettings {
  std::string host_directory;        ///< the server's files on the host
  std::string container_data_path;   ///< where they are in the container
  std::int64_t pids = kDefaultPids;  ///< where the payload gives no limit of them
};

/// The server that a `create_server` payload describes, with everything set that policy sets
/// whatever the payload says. INVALID_PAYLOAD, POLICY_VIOLATION.
control::EntrySpec readCreatePayload(const Fields& payload, const CreateSettings& settings);

/// Whether the payload has `readiness`, and what it says: a rule or none.
std::optional<std::optional<ReadinessRule>> readReadinessOf(const Fields& payload);

/// What `update_server` changes. INVALID_PAYLOAD, POLICY_VIOLATION.
control::EntryUpdate readUpdatePayload(const Fields& payload);

/// `stop` of a payload: its signal and timeout, and the ladder where it has a command or steps.
void readStop(const Fields& payload, control::EntrySpec& entry);

/// `signal` and `timeout` of stop and restart. `default_timeout` counts where no timeout is given;
/// without one, and with neither given, the server's ladder decides.
control::StopOptions readStopPayload(const Fields& payload,
                                     std::optional<control::Duration> default_timeout);

}  // namespace agent

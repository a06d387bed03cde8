#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <libcontrol/supervisor.h>

#include "agent/panel/json_text.h"
#include "agent/probes/run_readiness.h"

namespace agent {

/// What the agent knows of a server's files.
struct DiskUse {
  std::optional<std::int64_t> used_bytes{};
  std::optional<std::int64_t> limit_bytes{};
  bool enforced = false;  ///< by the file system
};

/// What the agent knows of a server beside what the supervisor does.
struct ServerFacts {
  DiskUse disk{};
  Liveness liveness{};
};

/// The state as a panel is told it: one that runs and is not ready is starting.
std::string_view shownState(control::EntryState state, const Liveness& liveness);

Json encodePlayers(const Players& players);

/// `resources` of get_status; null when nothing is known.
Json encodeResources(const control::EntryStatus& status, const DiskUse& disk);

/// The data of get_status. `now` is for the uptime.
Json encodeStatus(const control::EntryStatus& status, const ServerFacts& facts,
                  control::WallTime now);

/// The figures of a legacy `server_status`; null when nothing is known.
Json encodeLegacyStats(const control::EntryStatus& status, const ServerFacts& facts,
                       control::WallTime now);

/// `data` of `server_status_changed`. `command_id` may be empty; `code` and `error` are for a
/// transition that tells of a failure.
struct TransitionText {
  std::string command_id{};
  std::string code{};
  std::string error{};
};
Json encodeTransition(const control::Transition& transition, const TransitionText& text);

/// The `status` of a transition: `start_failed` and the like, else the state.
std::string transitionStatus(const control::Transition& transition);

/// "1024m", "2.1g"; binary units, in the largest that leaves a whole number for memory.
std::string memoryText(std::uint64_t bytes);
std::string diskText(std::uint64_t bytes);

}  // namespace agent

#pragma once

#include <optional>
#include <string>

#include <libcontrol/types.h>

namespace control::engine {

/// The latest run of a container, as an engine tells it now: what waiting and statistics need.
struct RunState {
  ContainerId id{};
  std::string name{};
  bool running = false;  ///< running, paused, or between two of the engine's own restarts
  std::optional<int> pid{};
  std::optional<WallTime> started_at{};
  std::optional<WallTime> finished_at{};
  std::optional<int> exit_code{};
  std::optional<bool> oom_killed{};
  bool tty = false;
  bool host_network = false;
};
}  // namespace control::engine

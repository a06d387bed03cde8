#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <libcontrol/types.h>

#include "mock/mock_labels.h"
#include "mock/mock_log_book.h"
#include "mock/mock_run.h"
#include "mock/mock_script.h"

namespace control::mock {

class WaitPoint;

/// A container as the engine keeps it. All of it is under the engine's mutex.
struct Container {
  ContainerId id{};
  ContainerSpec spec{};
  Behaviour behaviour{};
  Program program{};
  std::uint64_t number = 0;
  WallTime created_at{};

  ContainerState state = ContainerState::kCreated;
  bool removed = false;
  bool hung = false;
  std::string error{};

  // The latest run.
  RunId run_id{};  // without a container: it never ran
  int pid = 0;
  std::optional<ExitStatus> exit{};
  bool oom = false;
  std::vector<PortMapping> bound_ports{};
  std::unique_ptr<Run::Owner> owner{};  // outlives the run
  std::unique_ptr<Run> run{};

  std::string early_input{};  // written before the run
  bool early_end = false;
  LogBook log{};

  std::vector<WaitPoint*> points{};

  bool running() const noexcept {
    return state == ContainerState::kRunning || state == ContainerState::kPaused;
  }
  bool everRan() const noexcept { return !run_id.container.value.empty(); }
};
using ContainerPtr = std::shared_ptr<Container>;

}  // namespace control::mock

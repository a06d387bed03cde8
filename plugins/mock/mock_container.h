#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
  std::string_view raw_state = "created";
  std::string invented_state{};  ///< shown in place of the state, when not empty
  bool removed = false;
  bool hung = false;
  std::string error{};

  // The latest run.
  RunId run_id{};  // without a container: it never ran
  int pid = 0;
  std::optional<ExitStatus> over{};  // the process ended, and the engine has not recorded it
  std::optional<ExitStatus> exit{};
  std::optional<WallTime> finished_at{};  // of the latest run that has
  bool oom = false;
  std::vector<PortMapping> bound_ports{};
  bool stop_asked = false;  // by another client
  Timers::Id stop_timer = 0;
  Timers::Id record_timer = 0;          // what the engine has yet to do about an exit, or a removal
  std::unique_ptr<Run::Owner> owner{};  // outlives the run
  std::unique_ptr<Run> run{};

  std::string early_input{};  // written before the run
  bool early_end = false;
  LogBook log{};

  std::vector<WaitPoint*> points{};
  int input_connections = 0;

  /// As the engine shows it.
  bool running() const noexcept {
    return state == ContainerState::kRunning || state == ContainerState::kPaused ||
           state == ContainerState::kStopping;
  }
  ContainerState shownState() const noexcept {
    return invented_state.empty() ? state : ContainerState::kUnknown;
  }
  std::string_view shownRawState() const noexcept {
    return invented_state.empty() ? raw_state : std::string_view(invented_state);
  }
  bool alive() const noexcept { return running() && !over; }
  bool everRan() const noexcept { return !run_id.container.value.empty(); }
};
using ContainerPtr = std::shared_ptr<Container>;

/// What its programs can ask for.
inline Surroundings surroundingsOf(const Container& container) {
  const ContainerSpec& spec = container.spec;
  return {.environment = spec.environment,
          .working_directory = spec.working_directory,
          .user = spec.user,
          .hostname = spec.hostname.empty() ? container.id.value.substr(0, 12) : spec.hostname};
}

}  // namespace control::mock

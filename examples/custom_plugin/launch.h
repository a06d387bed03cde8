#pragma once

#include <string>

#include "waiting.h"

namespace process_engine {

/// What everything here works with; lives as long as the runtime.
struct Engine {
  std::string keeper_program{};
  std::unique_ptr<Monitor> monitor{};
  std::shared_ptr<control::Clock> clock{};
};

struct Launched {
  Line word{};  ///< the keeper's first: started, running, gone, failed and why
  Fd report{};  ///< breaks when closed
};

/// Starts a keeper for the container in `folder`, which ends with the process `master` (0: with
/// nobody else). On kDeadlineExceeded and kCancelled the effect is unknown: it goes on.
control::Result<Launched> launchKeeper(const Engine& engine, int folder, pid_t master,
                                       const control::CallContext& context);

}  // namespace process_engine

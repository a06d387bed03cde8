#pragma once

#include <deque>
#include <string>
#include <vector>

#include <libcontrol/testing/mock_control.h>

#include "mock/mock_timers.h"

namespace control::mock {

/// What is to happen to an engine at certain moments.
class Timeline {
 public:
  /// Does an action, with the mutex held.
  using Perform = std::function<Result<void>(const testing::EngineAction&)>;

  Timeline(Timers& timers, Perform perform) : timers_(timers), perform_(std::move(perform)) {}

  /// `origin` is how unused() names it. One that is due now is done now.
  void add(TimePoint at, testing::EngineAction action, std::string origin);
  void clear();
  /// Steps that have not come, or found nothing to act on.
  std::vector<std::string> unused() const;
  /// unused() no longer names those that it names now, whatever becomes of them.
  void forgetUnused();
  std::string nextOrigin() { return "scheduled step " + std::to_string(++scheduled_); }

 private:
  struct Step {
    testing::EngineAction action;
    std::string origin;
    Timers::Id timer = 0;
    bool done = false;
    bool forgotten = false;
    std::string problem{};
  };
  void run(Step& step);

  Timers& timers_;
  const Perform perform_;
  std::deque<Step> steps_;  // they do not move
  std::uint64_t scheduled_ = 0;
};

}  // namespace control::mock

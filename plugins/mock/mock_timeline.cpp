#include "mock/mock_timeline.h"

#include <utility>

#include "mock/mock_engine_action.h"

namespace control::mock {

void Timeline::add(TimePoint at, testing::EngineAction action, std::string origin) {
  Step& step = steps_.emplace_back(Step{.action = std::move(action), .origin = std::move(origin)});
  // A clock that stands still does not come to a moment that it is at already.
  if (at <= timers_.now()) return run(step);
  step.timer = timers_.at(at, [this, &step] { run(step); });
}

void Timeline::run(Step& step) {
  step.timer = 0;
  step.done = true;
  if (const auto performed = perform_(step.action); !performed)
    step.problem = performed.error().message;
}

void Timeline::clear() {
  for (const Step& step : steps_) timers_.cancel(step.timer);
  steps_.clear();
  scheduled_ = 0;
}

std::vector<std::string> Timeline::unused() const {
  std::vector<std::string> names;
  for (const Step& step : steps_) {
    if (step.forgotten) continue;
    const std::string name = step.origin + ": " + wordsOf(step.action);
    if (!step.done)
      names.push_back(name + " has not come");
    else if (!step.problem.empty())
      names.push_back(name + ": " + step.problem);
  }
  return names;
}

void Timeline::forgetUnused() {
  for (Step& step : steps_) step.forgotten |= !step.done || !step.problem.empty();
}

}  // namespace control::mock

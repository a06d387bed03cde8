// How an engine begins a scenario.

#include <algorithm>
#include <utility>

#include "mock/mock_engine.h"
#include "mock/mock_error.h"
#include "mock/mock_json.h"
#include "mock/mock_scenario.h"
#include "mock/mock_spec.h"

namespace control::mock {

Result<void> Engine::begin(std::shared_ptr<const Scenario> scenario) {
  scenario_ = std::move(scenario);
  for (const auto& [reference, facts] : scenario_->images) images_.describe(reference, facts);
  for (const Scenario::InitialContainer& one : scenario_->containers)
    if (auto placed = place(one); !placed)
      return atLine(one.line, wordsOf(one.spec) + ": " + placed.error().message);
  for (const auto& [rule, line] : scenario_->rules)
    rules_.add(rule, "the rule at line " + std::to_string(line));
  for (const Scenario::Step& step : scenario_->script)
    timeline_.add(CallContext::after(clock_->now(), step.at), step.action,
                  "the step at line " + std::to_string(step.line));
  return {};
}

Result<void> Engine::place(const Scenario::InitialContainer& initial) {
  const auto created = create(initial.spec);
  if (!created) return created.error();
  if (initial.running) {
    const auto started = start(created->id);
    if (!started) return started.error();
  }
  if (!initial.exit) return {};
  Container& container = **find(created->id);
  last_start_ = std::max(clock_->wallNow(), last_start_ + Duration(1));
  container.run_id = {.container = container.id, .started_at = last_start_};
  container.oom = initial.exit->oom;
  container.exit = ExitStatus{.run = container.run_id,
                              .exit_code = initial.exit->exit_code,
                              .signal = initial.exit->signal,
                              .finished_at = last_start_};
  container.exit->oom_killed = oomKilled(container);
  setState(container, ContainerState::kExited);
  return {};
}

}  // namespace control::mock

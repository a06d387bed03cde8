#include "mock/mock_control.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include <libcontrol/testing/fake_clock.h>

#include "mock/mock_engine_action.h"
#include "mock/mock_error.h"

namespace control::mock {
namespace {

Error realClock() {
  return failure(ErrorCode::kUnsupported,
                 "the engine lives by the real clock; open it with ?clock=virtual");
}

Error backwards() { return Error::invalid("time goes forward: advance by 0 or more"); }

}  // namespace

Result<void> Control::advance(Duration by) {
  testing::FakeClock* const clock = engine_->fakeClock();
  if (clock == nullptr) return realClock();
  if (by < Duration::zero()) return backwards();
  clock->advance(by);
  return {};
}

Result<Duration> Control::advanceToIdle(Duration limit) {
  testing::FakeClock* const clock = engine_->fakeClock();
  if (clock == nullptr) return realClock();
  if (limit < Duration::zero()) return backwards();
  const TimePoint began = clock->now();
  const TimePoint end = CallContext::after(began, limit);
  while (const auto next = clock->nextPending()) {
    clock->advanceTo(std::min(*next, end));
    if (*next > end) break;
  }
  return clock->now() - began;
}

Result<void> Control::inject(testing::Rule rule) {
  if (auto checked = checkRule(rule); !checked) return checked;
  const std::lock_guard lock(engine_->mutex());
  engine_->rules().add(std::move(rule), engine_->rules().nextOrigin());
  return {};
}

std::vector<std::string> Control::unusedRules() const {
  const std::lock_guard lock(engine_->mutex());
  auto unused = engine_->rules().unused();
  const auto steps = engine_->timeline().unused();
  unused.insert(unused.end(), steps.begin(), steps.end());
  return unused;
}

void Control::forgetUnused() {
  const std::lock_guard lock(engine_->mutex());
  engine_->rules().forgetUnused();
  engine_->timeline().forgetUnused();
}

Result<void> Control::perform(const testing::EngineAction& action) {
  if (auto checked = checkAction(action); !checked) return checked;
  const std::lock_guard lock(engine_->mutex());
  return engine_->perform(action);
}

Result<void> Control::schedule(Duration after, testing::EngineAction action) {
  if (after < Duration::zero()) return Error::invalid("a moment to come is not before now");
  if (auto checked = checkAction(action); !checked) return checked;
  const std::lock_guard lock(engine_->mutex());
  Timeline& timeline = engine_->timeline();
  timeline.add(CallContext::after(engine_->clock().now(), after), std::move(action),
               timeline.nextOrigin());
  return {};
}

std::vector<testing::JournalEntry> Control::journal() const {
  const std::lock_guard lock(engine_->mutex());
  return engine_->journal().entries();
}

std::string Control::journalText() const {
  const std::lock_guard lock(engine_->mutex());
  return engine_->journal().text(engine_->clock().now() - engine_->age());
}

std::size_t Control::openStreams() const {
  const std::lock_guard lock(engine_->mutex());
  return engine_->openPoints();
}

std::size_t Control::liveThreads() const {
  const std::lock_guard lock(engine_->mutex());
  return engine_->timers().hasThread() ? 1 : 0;
}

void Control::reset() {
  std::vector<std::unique_ptr<ExecSession>> orphans;
  const std::lock_guard lock(engine_->mutex());
  // They take the mutex when they go.
  orphans.swap(engine_->orphans());
  engine_->reset();
}

}  // namespace control::mock

#include "mock/mock_control.h"

#include <utility>

#include <libcontrol/testing/fake_clock.h>

#include "mock/mock_error.h"

namespace control::mock {

Result<void> Control::advance(Duration by) {
  testing::FakeClock* const clock = engine_->fakeClock();
  if (clock == nullptr)
    return failure(ErrorCode::kUnsupported,
                   "the engine lives by the real clock; open it with ?clock=virtual");
  clock->advance(by);
  return {};
}

Result<void> Control::crash(const ContainerId& id, int exit_code) {
  const std::lock_guard lock(engine_->mutex());
  return engine_->endRun(id, {.exit_code = exit_code & 255});
}

Result<void> Control::kill(const ContainerId& id, Signal signal) {
  const std::lock_guard lock(engine_->mutex());
  return engine_->endRun(id, {.exit_code = 128 + signal.number, .signal = signal});
}

Result<void> Control::oom(const ContainerId& id) {
  const std::lock_guard lock(engine_->mutex());
  return engine_->endRun(id, {.exit_code = 137, .signal = Signal::kill(), .oom = true});
}

Result<void> Control::pause(const ContainerId& id) {
  const std::lock_guard lock(engine_->mutex());
  return engine_->pause(id);
}

Result<void> Control::unpause(const ContainerId& id) {
  const std::lock_guard lock(engine_->mutex());
  return engine_->unpause(id);
}

Result<void> Control::print(const ContainerId& id, std::string_view bytes) {
  const std::lock_guard lock(engine_->mutex());
  return engine_->print(id, bytes);
}

Result<void> Control::setHung(const ContainerId& id, bool hung) {
  const std::lock_guard lock(engine_->mutex());
  return engine_->setHung(id, hung);
}

void Control::engineDown(bool down) {
  const std::lock_guard lock(engine_->mutex());
  engine_->setDown(down);
}

void Control::failNext(testing::Primitive primitive, Error error, int times) {
  const std::lock_guard lock(engine_->mutex());
  engine_->failNext(primitive, std::move(error), times);
}

void Control::addImage(const std::string& reference) {
  const std::lock_guard lock(engine_->mutex());
  engine_->images().set(reference, true);
}

void Control::removeImage(const std::string& reference) {
  const std::lock_guard lock(engine_->mutex());
  engine_->images().set(reference, false);
}

std::vector<testing::JournalEntry> Control::journal() const {
  const std::lock_guard lock(engine_->mutex());
  return engine_->journal().entries();
}

void Control::reset() {
  const std::lock_guard lock(engine_->mutex());
  engine_->reset();
}

}  // namespace control::mock

#include "mock/mock_call.h"

#include "mock/mock_error.h"
#include "mock/mock_held_call.h"

namespace control::mock {

std::optional<Error> Call::refused() {
  if (auto checked = checkContext(context_, engine_->clock()); !checked) return checked.error();
  if (engine_->down()) return failure(ErrorCode::kUnavailable, "the mock engine is down");
  return engine_->takeFault(primitive_);
}

std::optional<Error> Call::refused(const ContainerId& id) {
  if (auto error = refused()) return error;
  const auto found = engine_->find(id);
  if (!found || !(*found)->hung) return std::nullopt;
  lock_.unlock();
  auto answered = HeldCall::untilAnswered(engine_, *found, context_);
  lock_.lock();
  if (!answered) return answered.error();
  return std::nullopt;
}

}  // namespace control::mock

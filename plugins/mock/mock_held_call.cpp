#include "mock/mock_held_call.h"

#include <algorithm>
#include <utility>

#include "mock/mock_error.h"

namespace control::mock {

Result<void> HeldCall::whileHung(const std::shared_ptr<Engine>& engine, ContainerPtr container,
                                 const CallContext& context) {
  return HeldCall(engine, std::move(container), Reason::kHung).wait(context);
}

Result<void> HeldCall::whileRemoving(const std::shared_ptr<Engine>& engine, ContainerPtr container,
                                     const CallContext& context) {
  return HeldCall(engine, std::move(container), Reason::kRemoving).wait(context);
}

Result<void> HeldCall::until(const std::shared_ptr<Engine>& engine, TimePoint moment,
                             const CallContext& context) {
  return HeldCall(engine, nullptr, Reason::kMoment).wait(context, moment);
}

bool HeldCall::ready() const {
  if (lost_ || removed_) return true;
  return reason_ == Reason::kHung && !container_->hung;
}

Result<void> HeldCall::wait(const CallContext& context, TimePoint moment) {
  const Wake wake(*this, context.cancellation);
  std::unique_lock lock(mutex());
  if (container_ && container_->removed) return {};
  attach();
  const CallContext waiting{.deadline = std::min(context.deadline, moment),
                            .cancellation = context.cancellation};
  auto waited = await(lock, waiting);
  if (waited && lost_) return connectionLost();
  const bool arrived =
      !waited && waited.error().code == ErrorCode::kDeadlineExceeded && moment < context.deadline;
  return arrived ? Result<void>() : waited;
}

}  // namespace control::mock

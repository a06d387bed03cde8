#include "mock/mock_held_call.h"

#include <utility>

#include "mock/mock_error.h"

namespace control::mock {

Result<void> HeldCall::untilAnswered(const std::shared_ptr<Engine>& engine, ContainerPtr container,
                                     const CallContext& context) {
  HeldCall call(engine, std::move(container));
  const Wake wake(call, context.cancellation);
  std::unique_lock lock(engine->mutex());
  call.attach();
  auto waited = call.await(lock, context);
  if (waited && call.lost_) return connectionLost();
  return waited;
}

}  // namespace control::mock

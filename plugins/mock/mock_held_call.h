#pragma once

#include <memory>

#include "mock/mock_engine.h"
#include "mock/mock_wait.h"

namespace control::mock {

/// A call that the engine does not answer yet. Its functions take the mutex themselves.
/// kDeadlineExceeded, kCancelled: the caller left. kUnavailable: the engine went down.
class HeldCall final : private WaitPoint {
 public:
  /// Until the container is no longer hung, or is gone.
  static Result<void> whileHung(const std::shared_ptr<Engine>& engine, ContainerPtr container,
                                const CallContext& context);
  /// Until the container that is being removed is gone.
  static Result<void> whileRemoving(const std::shared_ptr<Engine>& engine, ContainerPtr container,
                                    const CallContext& context);
  /// Until `moment`; TimePoint::max(): for ever.
  static Result<void> until(const std::shared_ptr<Engine>& engine, TimePoint moment,
                            const CallContext& context);
  ~HeldCall() override { detach(); }

  void onRemoved() override { removed_ = true; }
  void onLost() override { lost_ = true; }

 private:
  enum class Reason { kHung, kRemoving, kMoment };
  HeldCall(std::shared_ptr<Engine> engine, ContainerPtr container, Reason reason)
      : WaitPoint(std::move(engine), std::move(container)), reason_(reason) {}
  Result<void> wait(const CallContext& context, TimePoint moment = TimePoint::max());
  bool ready() const override;

  const Reason reason_;
  bool removed_ = false;
  bool lost_ = false;
};

}  // namespace control::mock

#pragma once

#include <memory>

#include "mock/mock_engine.h"
#include "mock/mock_wait.h"

namespace control::mock {

/// A call on a container that does not answer: it waits until the container does again.
class HeldCall final : private WaitPoint {
 public:
  /// Takes the mutex itself. kDeadlineExceeded, kCancelled, kUnavailable.
  static Result<void> untilAnswered(const std::shared_ptr<Engine>& engine, ContainerPtr container,
                                    const CallContext& context);
  ~HeldCall() override { detach(); }

  void onRemoved() override { released_ = true; }
  void onLost() override { lost_ = true; }

 private:
  using WaitPoint::WaitPoint;
  bool ready() const override { return !container_->hung || released_ || lost_; }

  bool released_ = false;
  bool lost_ = false;
};

}  // namespace control::mock

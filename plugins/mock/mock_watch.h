#pragma once

#include <memory>

#include "mock/mock_engine.h"
#include "mock/mock_wait.h"

namespace control::mock {

class RunWatch final : public ExitWatch, private WaitPoint {
 public:
  static Result<std::unique_ptr<ExitWatch>> open(const std::shared_ptr<Engine>& engine,
                                                 const ContainerPtr& container);
  ~RunWatch() override { detach(); }

  Result<ExitStatus> noticed(const CallContext& context) override { return exited(context); }
  Result<ExitStatus> exited(const CallContext& context) override;
  int pollFd() const noexcept override { return descriptor(); }
  void cancel() noexcept override { cancelWaiting(); }

  void onRunEnded(const ExitStatus& exit) override;
  void onRemoved() override { removed_ = true; }
  void onLost() override { lost_ = !exit_; }

 private:
  using WaitPoint::WaitPoint;
  bool ready() const override;

  std::unique_ptr<ExitStatus> exit_;
  bool removed_ = false;
  bool lost_ = false;
};

}  // namespace control::mock

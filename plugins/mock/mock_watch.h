#pragma once

#include <optional>

#include "mock/mock_engine.h"
#include "mock/mock_stream.h"

namespace control::mock {

/// The first end of a run from its making on: of the present run, or of the next one.
class RunWatch final : public ExitWatch, private WaitPoint {
 public:
  /// With the mutex held.
  static Result<std::unique_ptr<ExitWatch>> open(const std::shared_ptr<Engine>& engine,
                                                 const ContainerPtr& container,
                                                 const StreamFault& fault);
  ~RunWatch() override { detach(); }

  Result<ExitStatus> noticed(const CallContext& context) override;
  Result<ExitStatus> exited(const CallContext& context) override;
  int pollFd() const noexcept override { return descriptor(); }
  void cancel() noexcept override { cancelWaiting(); }

  void onRunOver(const ExitStatus& exit) override;
  void onRunEnded(const ExitStatus& exit) override;
  void onRemoved() override { removed_ = true; }
  void onLost() override { lost_ = !recorded_; }

 private:
  RunWatch(std::shared_ptr<Engine> engine, ContainerPtr container, const StreamFault& fault)
      : WaitPoint(std::move(engine), std::move(container)), fault_(fault) {}
  bool ready() const override { return arrived(over_); }
  bool arrived(const std::optional<ExitStatus>& exit) const;
  Result<ExitStatus> wait(const std::optional<ExitStatus>& exit, const CallContext& context);

  const StreamFault fault_;
  std::optional<ExitStatus> over_;
  std::optional<ExitStatus> recorded_;
  bool removed_ = false;
  bool lost_ = false;
};

}  // namespace control::mock

#include "mock/mock_watch.h"

#include <utility>

#include "mock/mock_error.h"

namespace control::mock {

Result<std::unique_ptr<ExitWatch>> RunWatch::open(const std::shared_ptr<Engine>& engine,
                                                  const ContainerPtr& container) {
  if (container->removed) return removedMeanwhile();
  std::unique_ptr<RunWatch> watch(new RunWatch(engine, container));
  watch->attach();
  return std::unique_ptr<ExitWatch>(std::move(watch));
}

/// The first end from now on: of the present run, or of the next one.
void RunWatch::onRunEnded(const ExitStatus& exit) {
  if (!exit_ && !lost_) exit_ = std::make_unique<ExitStatus>(exit);
}

bool RunWatch::ready() const {
  if (lost_ || (removed_ && !exit_)) return true;
  return exit_ && (!container_->hung || container_->removed);
}

Result<ExitStatus> RunWatch::exited(const CallContext& context) {
  const Wake wake(*this, context.cancellation);
  std::unique_lock lock(mutex());
  if (auto waited = await(lock, context); !waited) return waited.error();
  if (exit_) return *exit_;
  return lost_ ? connectionLost() : removedMeanwhile();
}

}  // namespace control::mock

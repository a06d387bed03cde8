#include "mock/mock_watch.h"

#include <utility>

#include "mock/mock_error.h"

namespace control::mock {

Result<std::unique_ptr<ExitWatch>> RunWatch::open(const std::shared_ptr<Engine>& engine,
                                                  const ContainerPtr& container,
                                                  const StreamFault& fault) {
  if (container->removed) return removedMeanwhile();
  std::unique_ptr<RunWatch> watch(new RunWatch(engine, container, fault));
  watch->attach();
  // A process that the engine takes for running still.
  if (container->over) watch->onRunOver(*container->over);
  return std::unique_ptr<ExitWatch>(std::move(watch));
}

void RunWatch::onRunOver(const ExitStatus& exit) {
  if (over_ || lost_) return;
  if (!fault_.due(0, 0))
    over_ = exit;
  else if (!fault_.stalls)
    lost_ = true;
}

void RunWatch::onRunEnded(const ExitStatus& exit) {
  if (over_ && !recorded_ && !lost_) recorded_ = exit;
}

bool RunWatch::arrived(const std::optional<ExitStatus>& exit) const {
  if (lost_ || (removed_ && !exit)) return true;
  return exit && (!container_->hung || container_->removed);
}

Result<ExitStatus> RunWatch::wait(const std::optional<ExitStatus>& exit,
                                  const CallContext& context) {
  const Wake wake(*this, context.cancellation);
  std::unique_lock lock(mutex());
  auto waited = await(lock, context, [&] { return arrived(exit); });
  if (!waited) return waited.error();
  if (exit) return *exit;
  return lost_ ? fault_.failure : removedMeanwhile();
}

Result<ExitStatus> RunWatch::noticed(const CallContext& context) { return wait(over_, context); }

Result<ExitStatus> RunWatch::exited(const CallContext& context) { return wait(recorded_, context); }

}  // namespace control::mock

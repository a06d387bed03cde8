// What happens to an engine and its containers without a call of a runtime.

#include <algorithm>
#include <utility>

#include "mock/mock_engine.h"
#include "mock/mock_error.h"

namespace control::mock {

Result<void> Engine::endRun(const ContainerId& id, const ProcessEnd& end) {
  const auto found = findRunning(id);
  if (!found) return found.error();
  (*found)->run->end(end);
  return {};
}

Result<void> Engine::pause(const ContainerId& id) {
  const auto found = findRunning(id);
  if (!found) return found.error();
  Container& container = **found;
  if (container.state == ContainerState::kPaused)
    return failure(ErrorCode::kWrongState, "the container is paused already");
  container.run->pause();
  container.state = ContainerState::kPaused;
  publish(EventType::kPaused, "pause", container);
  return {};
}

Result<void> Engine::unpause(const ContainerId& id) {
  const auto found = findRunning(id);
  if (!found) return found.error();
  Container& container = **found;
  if (container.state != ContainerState::kPaused)
    return failure(ErrorCode::kWrongState, "the container is not paused");
  container.state = ContainerState::kRunning;
  publish(EventType::kUnpaused, "unpause", container);
  container.run->resume();
  return {};
}

Result<void> Engine::print(const ContainerId& id, std::string_view bytes) {
  const auto found = findRunning(id);
  if (!found) return found.error();
  output(**found, OutputSource::kStdout, bytes);
  return {};
}

Result<void> Engine::setHung(const ContainerId& id, bool hung) {
  const auto found = find(id);
  if (!found) return found.error();
  (*found)->hung = hung;
  for (WaitPoint* point : (*found)->points) point->notify();
  return {};
}

void Engine::setDown(bool down) {
  if (std::exchange(down_, down) == down || !down) return;
  loseConnections();
}

void Engine::loseConnections() {
  for (WaitPoint* point : points_) {
    point->onLost();
    point->notify();
  }
}

void Engine::failNext(testing::Primitive primitive, Error error, int times) {
  if (times > 0) faults_.push_back({primitive, std::move(error), times});
}

std::optional<Error> Engine::takeFault(testing::Primitive primitive) {
  const auto found = std::find_if(faults_.begin(), faults_.end(),
                                  [&](const Fault& one) { return one.primitive == primitive; });
  if (found == faults_.end()) return std::nullopt;
  Error error = found->error;
  if (--found->times == 0) faults_.erase(found);
  return error;
}

void Engine::reset() {
  down_ = false;
  loseConnections();
  while (!containers_.empty()) {
    const ContainerPtr container = containers_.begin()->second;
    container->hung = false;
    if (container->running()) killRun(*container);
    unlink(container);
  }
  images_.clear();
  faults_.clear();
  journal_.clear();
  random_ = Random(seed_);
  ports_ = {};
  created_ = 0;
  last_pid_ = 0;
}

}  // namespace control::mock

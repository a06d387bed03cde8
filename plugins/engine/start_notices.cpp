#include "engine/start_notices.h"

#include <algorithm>
#include <utility>

namespace control::engine {

StartNotices::Subscription::Subscription(StartNotices& notices, Wakeup& wakeup)
    : notices_(notices), wakeup_(wakeup) {
  const std::lock_guard lock(notices_.mutex_);
  notices_.subscriptions_.push_back(this);
}

StartNotices::Subscription::~Subscription() {
  const std::lock_guard lock(notices_.mutex_);
  std::erase(notices_.subscriptions_, this);
}

void StartNotices::Subscription::setContainer(std::string id) {
  const std::lock_guard lock(notices_.mutex_);
  id_ = std::move(id);
}

std::optional<Start> StartNotices::Subscription::takeStarted() {
  const std::lock_guard lock(notices_.mutex_);
  if (std::exchange(taken_, started_.has_value())) return std::nullopt;
  return started_;
}

bool StartNotices::watched(std::string_view id) {
  const std::lock_guard lock(mutex_);
  return std::any_of(subscriptions_.begin(), subscriptions_.end(),
                     [&](const Subscription* one) { return one->id_ == id; });
}

void StartNotices::started(std::string_view id, const Start& start) {
  const std::lock_guard lock(mutex_);
  for (Subscription* one : subscriptions_) {
    if (one->id_ != id) continue;
    // The first run since it was armed is the watch's, also when it is over.
    if (!one->started_) one->started_ = start;
    one->wakeup_.signal();
  }
}

std::shared_ptr<const OomWatch> watchOom(const RunState& run, const HostRoots& roots) {
  if (!run.pid) return nullptr;
  auto watch = OomWatch::open(*run.pid, run.id.value, roots);
  return watch ? std::shared_ptr<const OomWatch>(std::move(*watch)) : nullptr;
}

Start lookAtStart(RunSource& engine, const std::string& id, const HostRoots& roots,
                  const CallContext& context) {
  const auto run = engine.inspectRun(id, context);
  if (!run) return {};
  Start start{.seen = true};
  if (!run->running || !run->started_at) return start;
  start.run = RunId{run->id, *run->started_at};
  if (!run->pid) return start;
  if (auto process = Process::open(*run->pid, run->id.value, roots); process)
    start.process = std::move(*process);
  start.oom = watchOom(*run, roots);
  return start;
}

}  // namespace control::engine

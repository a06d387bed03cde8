#include "mock/mock_wait.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "mock/mock_engine.h"
#include "mock/mock_error.h"

namespace control::mock {

Result<void> checkContext(const CallContext& context, const Clock& clock) {
  if (context.cancellation.stop_requested())
    return failure(ErrorCode::kCancelled, "the caller cancelled it");
  if (clock.now() >= context.deadline)
    return failure(ErrorCode::kDeadlineExceeded, "the deadline passed");
  return {};
}

WaitPoint::WaitPoint(std::shared_ptr<Engine> engine, std::shared_ptr<Container> container)
    : engine_(std::move(engine)), container_(std::move(container)) {}

void WaitPoint::attach() {
  attached_ = true;
  engine_->attachPoint(*this, container_.get());
  // It went down between the call's start and now.
  if (engine_->down()) onLost();
}

WaitPoint::~WaitPoint() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void WaitPoint::detach() noexcept {
  const std::lock_guard lock(mutex());
  if (!attached_) return;
  attached_ = false;
  engine_->detachPoint(*this, container_.get());
}

std::mutex& WaitPoint::mutex() const noexcept { return engine_->mutex(); }

void WaitPoint::notify() {
  changed_.notify_all();
  setDescriptor(ready() || cancelled_);
}

Result<void> WaitPoint::sleep(std::unique_lock<std::mutex>& lock, const CallContext& context) {
  if (auto checked = checkContext(context, engine_->clock()); !checked) {
    setDescriptor(ready());
    return checked;
  }
  engine_->clock().waitUntil(lock, changed_, context.deadline);
  return {};
}

int WaitPoint::descriptor() const noexcept {
  const std::lock_guard lock(mutex());
  if (descriptor_ < 0) {
    descriptor_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    readable_ = false;
    setDescriptor(ready() || cancelled_);
  }
  return descriptor_;
}

void WaitPoint::setDescriptor(bool readable) const noexcept {
  if (descriptor_ < 0 || readable == readable_) return;
  readable_ = readable;
  std::uint64_t count = 1;
  // Neither can fail: the counter goes from 0 to 1 and back.
  [[maybe_unused]] const auto size = readable ? ::write(descriptor_, &count, sizeof count)
                                              : ::read(descriptor_, &count, sizeof count);
}

void WaitPoint::cancelWaiting() noexcept {
  const std::lock_guard lock(mutex());
  cancelled_ = true;
  notify();
}

void WaitPoint::Wake::Notify::operator()() const noexcept {
  const std::lock_guard lock(point->mutex());
  point->changed_.notify_all();
}

}  // namespace control::mock

#include "engine/wakeup.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "engine/descriptor.h"

namespace control::engine {

Wakeup::Wakeup() noexcept : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Wakeup::~Wakeup() {
  if (fd_ >= 0) ::close(fd_);
}

void Wakeup::signal() noexcept {
  const std::uint64_t one = 1;
  // Only a counter that is full already fails, and that is readable too.
  [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
}

void Wakeup::clear() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
  if (cancelled()) signal();
}

void Wakeup::cancel() noexcept {
  cancelled_.store(true, std::memory_order_release);
  signal();
}

Error cancelledError() {
  return {.code = ErrorCode::kCancelled, .message = "the call was cancelled"};
}

Error deadlineError() {
  return {.code = ErrorCode::kDeadlineExceeded,
          .message = "the engine did not answer before the deadline"};
}

WaitScope::WaitScope(Wakeup& wakeup, const CallContext& context, Clock& clock)
    : wakeup_(wakeup), context_(context), clock_(clock) {
  if (context.cancellation.stop_possible())
    callback_.emplace(context.cancellation, Signal{&wakeup});
}

WaitScope::~WaitScope() {
  if (!callback_) return;
  callback_.reset();  // waits for a callback that is running
  if (context_.cancellation.stop_requested()) wakeup_.clear();
}

int WaitScope::pollTimeout(int cap) const {
  if (context_.deadline == TimePoint::max()) return cap;
  if (context_.deadline <= clock_.now()) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(context_.deadline - clock_.now());
  const auto bounded =
      std::clamp<std::int64_t>(left.count(), 0, cap < 0 ? std::numeric_limits<int>::max() : cap);
  return static_cast<int>(bounded);
}

Result<void> WaitScope::check() const {
  if (wakeup_.cancelled() || context_.cancellation.stop_requested()) return cancelledError();
  if (context_.deadline != TimePoint::max() && clock_.now() >= context_.deadline)
    return deadlineError();
  return {};
}

Result<void> WaitScope::checkReading() {
  return std::exchange(has_read_, true) ? check() : Result<void>();
}

Result<void> WaitScope::wait(int fd, short events) {
  for (;;) {
    pollfd polled[2] = {{.fd = fd, .events = events, .revents = 0},
                        {.fd = wakeup_.fd(), .events = POLLIN, .revents = 0}};
    const int count = ::poll(polled, 2, pollTimeout());
    if (count < 0 && errno != EINTR) return systemError(errno, "cannot wait for the engine");
    if (wakeup_.cancelled() || context_.cancellation.stop_requested()) return cancelledError();
    if (count > 0 && polled[0].revents != 0) return {};
    if (count > 0) wakeup_.clear();  // a signal that was meant for somebody who polled earlier
    if (auto ended = check(); !ended) return ended;
  }
}

}  // namespace control::engine

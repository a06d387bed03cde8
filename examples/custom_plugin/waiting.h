#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <system_error>

#include <libcontrol/call.h>
#include <libcontrol/result.h>

#include "state.h"

namespace process_engine {

inline Error failure(ErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message)};
}

/// From errno.
inline Error systemFailure(const std::string& what) {
  const std::error_code error(errno, std::generic_category());
  ErrorCode code = ErrorCode::kResourceExhausted;
  if (error.value() == EEXIST || error.value() == ENOTEMPTY) code = ErrorCode::kAlreadyExists;
  if (error.value() == EACCES || error.value() == EPERM || error.value() == EROFS)
    code = ErrorCode::kPermissionDenied;
  if (error.value() == ENOENT || error.value() == ENOTDIR) code = ErrorCode::kUnavailable;
  return failure(code, what + ": " + error.message());
}

/// Before a call does anything, and when it has waited for nothing.
inline Result<void> checkContext(const CallContext& context, const Clock& clock) {
  if (context.cancellation.stop_requested())
    return failure(ErrorCode::kCancelled, "the call was cancelled");
  if (clock.now() >= context.deadline)
    return failure(ErrorCode::kDeadlineExceeded, "the deadline passed");
  return {};
}

/// Calls `take`, which returns std::optional<Result<T>>, until it gives something. Files do not
/// tell when they change, so it looks every few milliseconds; an engine with a socket waits for
/// that.
template <class T, class Take>
Result<T> waitFor(const CallContext& context, Clock& clock, Take take) {
  std::mutex mutex;
  std::condition_variable wake;
  const std::stop_callback cancelled(context.cancellation, [&] {
    const std::lock_guard lock(mutex);
    wake.notify_all();
  });
  for (;;) {
    // What is there is given even when the deadline has passed.
    if (context.cancellation.stop_requested()) return checkContext(context, clock).error();
    if (std::optional<Result<T>> taken = take()) return std::move(*taken);
    if (auto checked = checkContext(context, clock); !checked) return checked.error();
    std::unique_lock lock(mutex);
    const TimePoint next = clock.now() + std::chrono::milliseconds(10);
    if (!context.cancellation.stop_requested())
      clock.waitUntil(lock, wake, std::min(context.deadline, next));
  }
}

/// `Base` is one of the library's streams, or an exit watch; T is what its calls give.
template <class Base, class T>
class Waiting : public Base {
 public:
  explicit Waiting(Clock& clock) : clock_(clock) {}
  int pollFd() const noexcept override { return -1; }
  void cancel() noexcept override { cancelled_ = true; }

 protected:
  /// Nothing for now, or what there is.
  virtual std::optional<Result<T>> take() = 0;
  Result<T> wait(const CallContext& context) {
    return waitFor<T>(context, clock_, [this]() -> std::optional<Result<T>> {
      if (cancelled_) return failure(ErrorCode::kCancelled, "it was cancelled");
      return take();
    });
  }

 private:
  Clock& clock_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace process_engine

#include "waiting.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <limits>
#include <system_error>

namespace process_engine {

using control::CallContext;
using control::Error;
using control::ErrorCode;
using control::Result;

Error systemError(int error, const std::string& what) {
  ErrorCode code = ErrorCode::kInternal;
  if (error == EACCES || error == EPERM || error == EROFS) code = ErrorCode::kPermissionDenied;
  if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOSPC || error == EDQUOT ||
      error == EAGAIN)
    code = ErrorCode::kResourceExhausted;
  if (error == ENOENT || error == ENOTDIR) code = ErrorCode::kUnavailable;
  return {.code = code,
          .message = what + ": " + std::generic_category().message(error),
          .native = std::to_string(error)};
}

Error cancelledError() {
  return {.code = ErrorCode::kCancelled, .message = "the call was cancelled"};
}

// ---- Monitor ----

Result<std::unique_ptr<Monitor>> Monitor::start() {
  std::unique_ptr<Monitor> monitor(new Monitor);
  monitor->inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!monitor->inotify_) return systemError(errno, "cannot watch the state directory");
  monitor->stop_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!monitor->stop_) return systemError(errno, "cannot make an event descriptor");
  // The host's signals are for the host's threads.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = 0;
  try {
    monitor->thread_ = std::thread([raw = monitor.get()] { raw->run(); });
  } catch (const std::system_error& error) {
    failed = error.code().value();
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failed != 0) return systemError(failed, "cannot start a thread");
  return monitor;
}

Monitor::~Monitor() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

Result<void> Monitor::add(int file, Bell& bell) {
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  const std::lock_guard lock(mutex_);
  // IN_CLOSE_WRITE tells of locks too: a keeper's is free when its file is closed.
  const int watch = ::inotify_add_watch(
      inotify_.get(), path.c_str(),
      IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVE | IN_MOVE_SELF | IN_DELETE_SELF);
  if (watch < 0) return systemError(errno, "cannot watch the state directory");
  bells_[watch].insert(&bell);
  return {};
}

void Monitor::remove(Bell& bell) noexcept {
  const std::lock_guard lock(mutex_);
  for (auto place = bells_.begin(); place != bells_.end();) {
    place->second.erase(&bell);
    if (place->second.empty()) {
      ::inotify_rm_watch(inotify_.get(), place->first);
      place = bells_.erase(place);
    } else {
      ++place;
    }
  }
}

void Monitor::ringAll(const std::set<Bell*>& bells) noexcept {
  for (Bell* const bell : bells) bell->ring();
}

void Monitor::run() {
  alignas(inotify_event) char buffer[8192];
  for (;;) {
    pollfd fds[2] = {{.fd = inotify_.get(), .events = POLLIN, .revents = 0},
                     {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
    ::poll(fds, 2, -1);
    if (fds[1].revents != 0) return;
    const ssize_t size = ::read(inotify_.get(), buffer, sizeof buffer);
    const std::lock_guard lock(mutex_);
    for (ssize_t at = 0; at < size;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof event + event.len);
      // -1: events were lost, anything may have changed.
      if (event.wd == -1)
        for (const auto& [watch, bells] : bells_) ringAll(bells);
      else if (const auto place = bells_.find(event.wd); place != bells_.end())
        ringAll(place->second);
    }
  }
}

// ---- Bell ----

Bell::Bell(Monitor& monitor)
    : monitor_(monitor), event_(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Bell::~Bell() { monitor_.remove(*this); }

Result<void> Bell::listen(int file) {
  if (!event_) return systemError(EMFILE, "cannot make an event descriptor");
  return monitor_.add(file, *this);
}

void Bell::ring() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
}

void Bell::silence() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(event_.get(), &count, sizeof count);
}

void Bell::cancel() noexcept {
  cancelled_ = true;
  ring();
}

Error Bell::stop(Error error) noexcept {
  ring();
  return error;
}

Result<void> Bell::wait(const CallContext& context, control::Clock& clock, int fd, short events) {
  if (!event_) return systemError(EMFILE, "cannot make an event descriptor");
  int timeout = -1;
  if (context.deadline != control::TimePoint::max()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(context.deadline - clock.now()).count();
    if (left <= 0)
      return Error{.code = ErrorCode::kDeadlineExceeded, .message = "the deadline passed"};
    timeout = static_cast<int>(std::min<std::int64_t>(left, std::numeric_limits<int>::max()));
  }
  pollfd fds[2] = {{.fd = event_.get(), .events = POLLIN, .revents = 0},
                   {.fd = fd, .events = events, .revents = 0}};
  if (::poll(fds, 2, timeout) < 0 && errno != EINTR) return systemError(errno, "cannot wait");
  return {};
}

}  // namespace process_engine

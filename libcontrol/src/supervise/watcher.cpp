#include "supervise/watcher.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "supervise/at_once.h"
#include "supervise/epoll.h"

namespace control {
namespace {

constexpr std::uint64_t kWatcherWakeToken = 1;
constexpr std::uint64_t kEventsToken = 2;
constexpr std::uint64_t kFirstFreeToken = 16;

}  // namespace

Watcher::Watcher(Callbacks callbacks)
    : callbacks_(std::move(callbacks)),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      next_token_(kFirstFreeToken) {
  controlEpoll(epoll_, EPOLL_CTL_ADD, wake_, EPOLLIN, kWatcherWakeToken);
  thread_ = std::thread([this] { run(); });
}

std::uint64_t Watcher::newToken() {
  const std::lock_guard lock(mutex_);
  return next_token_++;
}

bool Watcher::add(int fd, std::uint64_t token) {
  return controlEpoll(epoll_, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT, token);
}

bool Watcher::rearm(int fd, std::uint64_t token) {
  return controlEpoll(epoll_, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, token);
}

void Watcher::remove(int fd) noexcept { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr); }

void Watcher::follow(std::unique_ptr<EventStream> stream) {
  {
    const std::lock_guard lock(mutex_);
    new_stream_ = std::move(stream);
  }
  wake();
}

void Watcher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
  stream_.reset();
  const std::lock_guard lock(mutex_);
  new_stream_.reset();
}

Watcher::~Watcher() {
  stop();
  ::close(epoll_);
  ::close(wake_);
}

void Watcher::wake() noexcept {
  const std::uint64_t one = 1;
  // Full means that a wake-up is pending already.
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

bool Watcher::turns() noexcept {
  const bool turned = pulse_.ask();
  wake();
  return turned;
}

void Watcher::run() {
  std::array<epoll_event, 64> ready{};
  for (;;) {
    pulse_.turned();
    const int count = ::epoll_wait(epoll_, ready.data(), ready.size(), -1);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t token = ready[static_cast<std::size_t>(i)].data.u64;
      if (token == kWatcherWakeToken) {
        std::uint64_t ignored = 0;
        [[maybe_unused]] const auto got = ::read(wake_, &ignored, sizeof ignored);
        takeNewStream();
      } else if (token == kEventsToken) {
        readEvents();
      } else {
        // What was told before the end is known before it.
        readEvents();
        callbacks_.ready(token);
      }
    }
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
  }
}

void Watcher::takeNewStream() {
  std::unique_ptr<EventStream> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh = std::move(new_stream_);
  }
  if (!fresh) return;
  if (stream_) remove(stream_->pollFd());
  stream_ = std::move(fresh);
  controlEpoll(epoll_, EPOLL_CTL_ADD, stream_->pollFd(), EPOLLIN, kEventsToken);
  readEvents();
}

void Watcher::readEvents() {
  while (stream_) {
    const auto event = stream_->next(kAtOnce);
    if (event && *event) {
      callbacks_.event(**event);
      continue;
    }
    if (!event && event.error().code == ErrorCode::kDeadlineExceeded) return;
    remove(stream_->pollFd());
    stream_.reset();
    callbacks_.events_lost(event ? Error{.code = ErrorCode::kUnavailable,
                                         .message = "the engine ended the event stream"}
                                 : event.error());
  }
}

}  // namespace control

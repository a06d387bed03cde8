#include "supervise/log_thread.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "supervise/at_once.h"
#include "supervise/epoll.h"

namespace control {
namespace {

constexpr std::uint64_t kWakeToken = ~std::uint64_t{0};
constexpr std::size_t kTurnBytes = 128 * 1024;
constexpr std::size_t kTurnItems = 2048;
/// Between looks at streams that cannot be polled.
constexpr int kLookMilliseconds = 50;

}  // namespace

LogThread::LogThread(Callbacks callbacks)
    : callbacks_(std::move(callbacks)),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  controlEpoll(epoll_, EPOLL_CTL_ADD, wake_, EPOLLIN, kWakeToken);
  thread_ = std::thread([this] { run(); });
}

LogThread::~LogThread() {
  stop();
  ::close(epoll_);
  ::close(wake_);
}

void LogThread::add(std::uint64_t token, std::unique_ptr<LogStream> stream) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  added_.emplace_back(token, std::move(stream));
  wake();
}

void LogThread::remove(std::uint64_t token) {
  const std::lock_guard lock(mutex_);
  removed_.push_back(token);
  wake();
}

void LogThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    added_.clear();
    wake();
  }
  if (thread_.joinable()) thread_.join();
}

void LogThread::wake() noexcept {
  const std::uint64_t one = 1;
  // Full means that a wake-up is pending already.
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

bool LogThread::turns() noexcept {
  const bool turned = pulse_.ask();
  wake();
  return turned;
}

void LogThread::run() {
  std::array<epoll_event, 64> ready{};
  for (;;) {
    pulse_.turned();
    {
      // Before the wait: the wake-up of a stop may have been read together with another one.
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    const int count = ::epoll_wait(epoll_, ready.data(), ready.size(),
                                   without_fd_.empty() ? -1 : kLookMilliseconds);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t token = ready[static_cast<std::size_t>(i)].data.u64;
      if (token == kWakeToken)
        takeChanges();
      else
        readTurn(token);
    }
    const std::set<std::uint64_t> looked_at = without_fd_;
    for (const std::uint64_t token : looked_at) readTurn(token);
  }
  streams_.clear();
}

void LogThread::takeChanges() {
  std::uint64_t ignored = 0;
  [[maybe_unused]] const auto got = ::read(wake_, &ignored, sizeof ignored);
  std::vector<std::pair<std::uint64_t, std::unique_ptr<LogStream>>> added;
  std::vector<std::uint64_t> removed;
  {
    const std::lock_guard lock(mutex_);
    added.swap(added_);
    removed.swap(removed_);
  }
  for (auto& [token, stream] : added) {
    const int fd = stream->pollFd();
    if (fd < 0 || !controlEpoll(epoll_, EPOLL_CTL_ADD, fd, EPOLLIN, token))
      without_fd_.insert(token);
    streams_.emplace(token, std::move(stream));
  }
  for (const std::uint64_t token : removed) close(token);
}

void LogThread::close(std::uint64_t token) {
  const auto found = streams_.find(token);
  if (found == streams_.end()) return;
  if (without_fd_.erase(token) == 0)
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, found->second->pollFd(), nullptr);
  streams_.erase(found);
}

void LogThread::readTurn(std::uint64_t token) {
  const auto found = streams_.find(token);
  if (found == streams_.end()) return;
  LogStream& stream = *found->second;
  std::vector<Output> outputs;
  std::size_t bytes = 0;
  bool ended = false;
  std::optional<Error> error;
  while (bytes < kTurnBytes && outputs.size() < kTurnItems) {
    auto item = stream.next(kAtOnce);
    if (item && *item) {
      bytes += (*item)->bytes.size();
      outputs.push_back(std::move(**item));
      continue;
    }
    if (!item && item.error().code == ErrorCode::kDeadlineExceeded) break;
    ended = true;
    if (!item) error = item.error();
    break;
  }
  if (!outputs.empty()) callbacks_.output(token, std::move(outputs));
  if (!ended) return;
  close(token);
  callbacks_.ended(token, error);
}

}  // namespace control

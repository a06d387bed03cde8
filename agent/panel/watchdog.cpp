#include "agent/panel/watchdog.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace agent {

Watchdog::Watchdog() : thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  letGo();
}

void Watchdog::letGo() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void Watchdog::hold(int socket) {
  const std::lock_guard lock(mutex_);
  letGo();
  socket_ = ::fcntl(socket, F_DUPFD_CLOEXEC, 3);
  wakeForEarlier();
}

void Watchdog::release() {
  const std::lock_guard lock(mutex_);
  letGo();
  call_deadline_ = Clock::time_point::max();
}

void Watchdog::allowUntil(Clock::time_point deadline) {
  const std::lock_guard lock(mutex_);
  call_deadline_ = deadline;
  wakeForEarlier();
}

void Watchdog::endBy(Clock::time_point deadline) {
  const std::lock_guard lock(mutex_);
  last_deadline_ = std::min(last_deadline_, deadline);
  wakeForEarlier();
}

Watchdog::Clock::time_point Watchdog::due() const {
  return socket_ < 0 ? Clock::time_point::max() : std::min(call_deadline_, last_deadline_);
}

/// Deadlines mostly move away: the thread finds that out when it wakes by itself.
void Watchdog::wakeForEarlier() {
  if (due() < sleeps_until_) changed_.notify_one();
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    sleeps_until_ = due();
    if (sleeps_until_ == Clock::time_point::max()) {
      changed_.wait(lock);
    } else if (sleeps_until_ > Clock::now()) {
      changed_.wait_until(lock, sleeps_until_);
    } else {
      ::shutdown(socket_, SHUT_RDWR);
      letGo();
    }
  }
}

}  // namespace agent

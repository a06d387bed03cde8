#include "agent/stop_signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "agent/log.h"

namespace agent {
namespace {

using std::chrono::steady_clock;

/// As in <sysexits.h>.
constexpr int kDefect = 70;

/// Stopping may take the link's 2 s and what the engine still does; then it is cut short.
constexpr std::chrono::seconds kLongestStop{10};

sigset_t asked() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  return signals;
}

/// 0 when none came before `deadline`, or when the process was stopped and continued.
int awaitOne(steady_clock::time_point deadline) {
  const auto patience = std::max(deadline - steady_clock::now(), steady_clock::duration(0));
  const auto whole = std::chrono::floor<std::chrono::seconds>(patience);
  const timespec time{whole.count(), std::chrono::nanoseconds(patience - whole).count()};
  const sigset_t signals = asked();
  const int number = ::sigtimedwait(&signals, nullptr, &time);
  return number > 0 ? number : 0;
}

[[noreturn]] void endAtOnce() {
  log::error("agent", "stopping takes too long; ending at once");
  ::_exit(kDefect);
}

}  // namespace

void StopSignals::blockOthers() {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  // A terminal that is gone is no reason to stop, nor is a peer that is.
  ::sigaddset(&blocked, SIGHUP);
  ::sigaddset(&blocked, SIGPIPE);
  // A file that becomes too large is an error of the write, not the end of the agent.
  ::sigaddset(&blocked, SIGXFSZ);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
}

StopSignals& StopSignals::watch() {
  // Never destroyed: its thread goes on while the program ends.
  static StopSignals& only = *new StopSignals;
  return only;
}

StopSignals::StopSignals() {
  const sigset_t signals = asked();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([this] { run(); }).detach();
}

int StopSignals::await(std::optional<std::chrono::milliseconds> patience) {
  std::unique_lock lock(mutex_);
  const auto came = [this] { return signal_ != 0; };
  if (patience)
    came_.wait_for(lock, *patience, came);
  else
    came_.wait(lock, came);
  return signal_;
}

void StopSignals::run() {
  const sigset_t signals = asked();
  int number = 0;
  while (::sigwait(&signals, &number) != 0) {
  }
  const auto deadline = steady_clock::now() + kLongestStop;
  {
    const std::lock_guard lock(mutex_);
    signal_ = number;
  }
  came_.notify_all();
  while (steady_clock::now() < deadline)
    if (const int again = awaitOne(deadline); again != 0) ::_exit(128 + again);
  endAtOnce();
}

}  // namespace agent

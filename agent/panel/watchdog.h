#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace agent {

/// Ends a socket's connection when its owner is stuck in a call past a deadline: what the owner
/// waits for then fails at once. Socket time-outs alone do not do that: they begin anew with every
/// byte, so that a peer could hold a call for ever.
///
/// Threads: any.
class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;

  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Watches the socket until release(), by a descriptor of its own: whoever closes the socket
  /// cannot make the watchdog end somebody else's. The peer sees the end only after release().
  void hold(int socket);
  void release();

  /// The present call may last until then.
  void allowUntil(Clock::time_point deadline);
  /// Whatever allowUntil says later, nothing lasts longer.
  void endBy(Clock::time_point deadline);

 private:
  void run();
  void letGo();
  Clock::time_point due() const;
  void wakeForEarlier();

  std::mutex mutex_;
  std::condition_variable changed_;
  int socket_ = -1;
  Clock::time_point call_deadline_ = Clock::time_point::max();
  Clock::time_point last_deadline_ = Clock::time_point::max();
  Clock::time_point sleeps_until_ = Clock::time_point::max();
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace agent

#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include <libcontrol/call.h>
#include <libcontrol/pulse.h>

namespace control {

/// Runs functions at moments of a Clock, on one thread of its own. The functions must not block.
///
/// Threads:  after() from any thread, also from a timer's function.
/// Blocking: stop() waits for a function that runs.
class Timers {
 public:
  explicit Timers(std::shared_ptr<Clock> clock);
  ~Timers() { stop(); }
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  void after(Duration delay, std::function<void()> function);

  /// Forgets what is still to come.
  void stop();

  /// Whether the thread has turned since the last call; true at first. For who watches it.
  bool turns();

 private:
  void run();

  std::shared_ptr<Clock> clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<TimePoint, std::function<void()>> pending_;
  bool stopping_ = false;
  Pulse pulse_;
  std::thread thread_;
};

}  // namespace control

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <libcontrol/pulse.h>
#include <libcontrol/streams.h>

namespace control {

/// One thread that waits on the descriptors of exit watches and of the event stream.
///
/// Threads:  any. The callbacks come from the watcher's thread and must not block.
class Watcher {
 public:
  struct Callbacks {
    std::function<void(std::uint64_t token)> ready;  ///< once; then rearm()
    std::function<void(const Event&)> event;
    std::function<void(const Error&)> events_lost;  ///< the stream is gone
  };

  explicit Watcher(Callbacks callbacks);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// A token that was never used before.
  std::uint64_t newToken();
  /// Calls ready(token) once when `fd` is readable. False: the kernel refused (no descriptors).
  bool add(int fd, std::uint64_t token);
  bool rearm(int fd, std::uint64_t token);
  void remove(int fd) noexcept;

  /// Reads `stream` from now on, in place of an earlier one.
  void follow(std::unique_ptr<EventStream> stream);

  /// Whether the thread has turned since the last call; true at first. For who watches it.
  bool turns() noexcept;

  /// No callback comes once it has returned; the other calls remain harmless.
  void stop();

 private:
  void run();
  void wake() noexcept;
  void takeNewStream();
  void readEvents();

  const Callbacks callbacks_;
  int epoll_;
  int wake_;
  Pulse pulse_;
  std::mutex mutex_;
  std::uint64_t next_token_;                 ///< guarded by mutex_
  std::unique_ptr<EventStream> new_stream_;  ///< guarded by mutex_
  bool stopping_ = false;                    ///< guarded by mutex_
  std::unique_ptr<EventStream> stream_;      ///< of the thread alone
  std::thread thread_;
};

}  // namespace control

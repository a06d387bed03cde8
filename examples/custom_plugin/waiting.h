#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include <libcontrol/call.h>
#include <libcontrol/result.h>

#include "engine/files.h"

namespace process_engine {

class Bell;

control::Error systemError(int error, const std::string& what);
control::Error cancelledError();

/// Rings bells when a file or folder changes. One inotify instance and one thread, however
/// many bells there are: a user has few instances.
///
/// Threads: any.
class Monitor {
 public:
  /// kResourceExhausted: no more inotify instances, descriptors or threads.
  static control::Result<std::unique_ptr<Monitor>> start();
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

 private:
  friend class Bell;
  Monitor() = default;
  control::Result<void> add(int file, Bell& bell);
  void remove(Bell& bell) noexcept;
  void run();
  static void ringAll(const std::set<Bell*>& bells) noexcept;

  Fd inotify_{};
  Fd stop_{};
  std::thread thread_{};
  std::mutex mutex_{};
  std::map<int, std::set<Bell*>> bells_{};  ///< by inotify's watch descriptor; guarded by mutex_
};

/// What a call or a stream waits on: an event descriptor that any thread can make readable.
class Bell {
 public:
  explicit Bell(Monitor& monitor);
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  /// Rings from now on when a file, or what is in a folder, changes.
  control::Result<void> listen(int file);

  int fd() const noexcept { return event_.get(); }
  void ring() noexcept;
  void cancel() noexcept;

  /// Calls `take` until it gives something, whenever the bell rings or `fd` has `events`.
  /// `take` returns std::optional<Result<T>>. Afterwards the descriptor is readable unless there
  /// was nothing. kDeadlineExceeded, kCancelled.
  template <class T, class Take>
  control::Result<T> waitFor(const control::CallContext& context, control::Clock& clock, Take take,
                             int fd = -1, short events = 0) {
    const std::stop_callback wake(context.cancellation, [this] { ring(); });
    for (;;) {
      // In this order: what comes after the look rings again.
      silence();
      if (cancelled_ || context.cancellation.stop_requested()) return stop(cancelledError());
      if (std::optional<control::Result<T>> taken = take()) {
        ring();
        return std::move(*taken);
      }
      if (auto waited = wait(context, clock, fd, events); !waited) return waited.error();
    }
  }

 private:
  control::Error stop(control::Error error) noexcept;
  control::Result<void> wait(const control::CallContext& context, control::Clock& clock, int fd,
                             short events);
  void silence() noexcept;

  Monitor& monitor_;
  const Fd event_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace process_engine

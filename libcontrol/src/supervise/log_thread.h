#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <libcontrol/pulse.h>
#include <libcontrol/streams.h>

namespace control {

/// One thread that reads any number of log streams. Each gets so much of a turn, so that one that
/// never ends does not hold up the others.
///
/// Threads:  any. The callbacks come from the thread and must not block.
/// Blocking: stop() only.
class LogThread {
 public:
  struct Callbacks {
    std::function<void(std::uint64_t token, std::vector<Output> outputs)> output;
    /// The stream is gone: with the end of what it told, or with an error.
    std::function<void(std::uint64_t token, const std::optional<Error>& error)> ended;
  };

  explicit LogThread(Callbacks callbacks);
  ~LogThread();
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;

  /// Reads `stream` from now on. The token must be new.
  void add(std::uint64_t token, std::unique_ptr<LogStream> stream);
  /// Ends a stream without a further word of it; what is told at this moment may still come.
  void remove(std::uint64_t token);
  /// Whether the thread has turned since the last call; true at first. For who watches it.
  bool turns() noexcept;
  /// Ends all. Nothing is told once it has returned; the other calls remain harmless.
  void stop();

 private:
  void run();
  void wake() noexcept;
  void takeChanges();
  void readTurn(std::uint64_t token);
  void close(std::uint64_t token);

  const Callbacks callbacks_;
  const int epoll_;
  const int wake_;
  Pulse pulse_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<std::pair<std::uint64_t, std::unique_ptr<LogStream>>> added_;
  std::vector<std::uint64_t> removed_;
  bool stopping_ = false;
  // Of the thread alone.
  std::map<std::uint64_t, std::unique_ptr<LogStream>> streams_;
  std::set<std::uint64_t> without_fd_;
  std::thread thread_;
};

}  // namespace control

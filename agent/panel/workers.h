#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace agent {

/// A few threads for what may wait for the engine or the disk, so that the link's thread never
/// does.
///
/// Threads: any. Blocking: close() only, until the tasks that run have ended.
class Workers {
 public:
  using Task = std::function<void(std::stop_token)>;

  Workers(std::size_t threads, std::size_t most_waiting);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// False: too many tasks wait already, or close() was called; the task is not run.
  [[nodiscard]] bool post(Task task);
  /// Drops what waits, asks what runs to stop, and waits for it.
  void close();

 private:
  void run();

  const std::size_t most_waiting_;
  std::stop_source stopping_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> waiting_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace agent

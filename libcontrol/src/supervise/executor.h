#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace control {

/// Runs jobs that may block, each at once: a job never waits for another to end. Threads are made
/// as needed and end after a time without work, but for the last one.
///
/// Threads:  submit() from any thread, jobs included.
/// Blocking: drain() only.
class Executor {
 public:
  /// Throws std::system_error where not even one thread can be made.
  Executor();
  ~Executor() { drain(); }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Jobs submitted after drain() began are run all the same, before it returns. Where no thread
  /// can be made the job waits for one that becomes free.
  void submit(std::function<void()> job);

  /// Returns when every job has ended and every thread is gone.
  void drain();

 private:
  void work();
  void joinFinished(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;
  std::vector<std::thread> running_;
  std::vector<std::thread::id> finished_;
  bool draining_ = false;
};

}  // namespace control

#include "supervise/executor.h"

#include <algorithm>
#include <chrono>
#include <system_error>

namespace control {
namespace {

// Wall time, not the runtime's clock: it bounds idle threads of this process.
constexpr auto kIdleTime = std::chrono::seconds(5);

}  // namespace

Executor::Executor() {
  const std::lock_guard lock(mutex_);
  running_.emplace_back([this] { work(); });
  ++threads_;
}

void Executor::submit(std::function<void()> job) {
  std::unique_lock lock(mutex_);
  jobs_.push_back(std::move(job));
  if (jobs_.size() <= idle_) {
    changed_.notify_all();
    return;
  }
  joinFinished(lock);
  try {
    running_.emplace_back([this] { work(); });
    ++threads_;
  } catch (const std::system_error&) {
    // No thread to be had: the job waits for one that becomes free.
  }
}

void Executor::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (jobs_.empty() && !draining_) {
      ++idle_;
      changed_.wait_for(lock, kIdleTime, [this] { return !jobs_.empty() || draining_; });
      --idle_;
    }
    // The last one stays: there may be no other to be had when the next job comes.
    if (jobs_.empty() && threads_ == 1 && !draining_) continue;
    if (jobs_.empty()) break;
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
  --threads_;
  finished_.push_back(std::this_thread::get_id());
  changed_.notify_all();
}

void Executor::joinFinished(std::unique_lock<std::mutex>& lock) {
  while (!finished_.empty()) {
    const auto id = finished_.back();
    finished_.pop_back();
    const auto found = std::find_if(running_.begin(), running_.end(),
                                    [id](const std::thread& one) { return one.get_id() == id; });
    std::thread thread = std::move(*found);
    running_.erase(found);
    lock.unlock();
    thread.join();
    lock.lock();
  }
}

void Executor::drain() {
  std::unique_lock lock(mutex_);
  draining_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return threads_ == 0; });
  while (!jobs_.empty()) {
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
    changed_.wait(lock, [this] { return threads_ == 0; });
  }
  joinFinished(lock);
  draining_ = false;
}

}  // namespace control

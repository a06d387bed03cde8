#include "agent/panel/workers.h"

#include <exception>
#include <string>
#include <utility>

#include "agent/log.h"

namespace agent {

Workers::Workers(std::size_t threads, std::size_t most_waiting) : most_waiting_(most_waiting) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

Workers::~Workers() { close(); }

bool Workers::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || waiting_.size() >= most_waiting_) return false;
    waiting_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

void Workers::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting_.clear();
  }
  stopping_.request_stop();
  wake_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void Workers::run() {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
      if (closed_) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
    }
    try {
      task(stopping_.get_token());
    } catch (const std::exception& defect) {
      log::error("agent", std::string("a defect in work behind the scenes: ") + defect.what());
    }
  }
}

}  // namespace agent

#include "agent/panel/server_work.h"

#include <algorithm>
#include <initializer_list>
#include <system_error>

namespace agent {
namespace {

constexpr std::initializer_list<ServerWork::Pace> kPaces = {
    ServerWork::Pace::kQuick, ServerWork::Pace::kSlow, ServerWork::Pace::kBackup};

}  // namespace

ServerWork::~ServerWork() { close(); }

bool ServerWork::post(const std::string& server_id, Pace pace, const std::string& id, Task task,
                      std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (closed_ || waiting_ >= kMostWaitingInAll) return false;
  if (bytes > kMostWaitingBytes - waiting_bytes_) return false;
  const Key key{server_id, pace};
  Queue& queue = queues_[key];
  if (queue.waiting.size() >= kMostWaiting) return false;
  queue.waiting.push_back(std::make_shared<Item>(Item{id, std::move(task), bytes}));
  if (!queue.running && queue.waiting.size() == 1) ready_.push_back(key);
  if (ready_.size() > idle_ && threads_.size() < kThreads && !addThread() && threads_.empty()) {
    ready_.pop_back();
    queues_.erase(key);  // nothing else can wait or run without a thread
    return false;
  }
  ++waiting_;
  waiting_bytes_ += bytes;
  wake_.notify_one();
  return true;
}

/// With mutex_ held. False: the host has no room for another; those there are do its work.
bool ServerWork::addThread() {
  try {
    threads_.emplace_back([this] { run(); });
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

bool ServerWork::cancel(const std::string& server_id, const std::string& id) {
  const std::lock_guard lock(mutex_);
  for (const Pace pace : kPaces) {
    const auto found = queues_.find({server_id, pace});
    if (found == queues_.end()) continue;
    Queue& queue = found->second;
    if (queue.running && queue.running->id == id) return queue.running->stopping.request_stop();
    for (const auto& item : queue.waiting)
      if (item->id == id) return item->stopping.request_stop();
  }
  return false;
}

/// With mutex_ held.
void ServerWork::stop(Queue& queue) {
  if (queue.running) queue.running->stopping.request_stop();
  for (const auto& item : queue.waiting) item->stopping.request_stop();
}

void ServerWork::cancelAll(const std::string& server_id) {
  std::unique_lock lock(mutex_);
  for (const Pace pace : kPaces)
    if (const auto found = queues_.find({server_id, pace}); found != queues_.end())
      stop(found->second);
  ended_.wait(lock, [&] { return isIdle(server_id); });
}

bool ServerWork::isBusy(const std::string& server_id) {
  const std::lock_guard lock(mutex_);
  return queues_.contains({server_id, Pace::kQuick}) || queues_.contains({server_id, Pace::kSlow});
}

void ServerWork::close() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (auto& [key, queue] : queues_) stop(queue);
    threads.swap(threads_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

/// With mutex_ held.
bool ServerWork::isIdle(const std::string& server_id) const {
  return std::none_of(kPaces.begin(), kPaces.end(), [&](Pace pace) {
    return queues_.contains({server_id, pace});
  });
}

/// The first whose turn it is; the end when there is none.
std::map<ServerWork::Key, ServerWork::Queue>::iterator ServerWork::takeReady() {
  const auto next = std::find_if(ready_.begin(), ready_.end(), [this](const Key& key) {
    return key.second == Pace::kQuick ||
           (slow_running_ < kMostSlow &&
            (key.second != Pace::kBackup || backups_running_ < kMostBackups));
  });
  if (next == ready_.end()) return queues_.end();
  const auto found = queues_.find(*next);
  ready_.erase(next);
  return found;
}

void ServerWork::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    auto turn = queues_.end();
    ++idle_;
    wake_.wait(lock, [&] {
      return (turn = takeReady()) != queues_.end() || (closed_ && queues_.empty());
    });
    --idle_;
    if (turn == queues_.end()) return;
    const bool slow = turn->first.second != Pace::kQuick;
    const bool backup = turn->first.second == Pace::kBackup;
    Queue& queue = turn->second;
    const std::shared_ptr<Item> item = queue.running = std::move(queue.waiting.front());
    queue.waiting.pop_front();
    --waiting_;
    waiting_bytes_ -= item->bytes;
    if (slow) ++slow_running_;
    if (backup) ++backups_running_;
    lock.unlock();
    item->task(item->stopping.get_token());
    item->task = nullptr;
    lock.lock();
    queue.running.reset();
    if (slow) --slow_running_;
    if (backup) --backups_running_;
    if (queue.waiting.empty()) {
      queues_.erase(turn);
      ended_.notify_all();
    } else {
      ready_.push_back(turn->first);
    }
    wake_.notify_all();
  }
}

}  // namespace agent

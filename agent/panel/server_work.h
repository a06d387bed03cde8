#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace agent {

/// Work on the files of servers. What is quick, what is slow and backups of one server each run in
/// the order in which it came, one at a time; different servers never wait for each other as long
/// as there are threads. Slow work gets a part of the threads at most, and backups, which can take
/// hours, half of that.
///
/// Threads: any. Blocking: close() only, until the work that runs has ended.
class ServerWork {
 public:
  static constexpr std::size_t kThreads = 48;
  static constexpr std::size_t kMostSlow = 8;
  static constexpr std::size_t kMostBackups = 4;
  static constexpr std::size_t kMostWaiting = 64;  ///< of one server and pace
  static constexpr std::size_t kMostWaitingInAll = 1024;
  static constexpr std::size_t kMostWaitingBytes = 64 * 1024 * 1024;  ///< in all

  enum class Pace { kQuick, kSlow, kBackup };
  using Task = std::function<void(std::stop_token)>;

  ServerWork() = default;
  ~ServerWork();
  ServerWork(const ServerWork&) = delete;
  ServerWork& operator=(const ServerWork&) = delete;

  /// False: too much waits, for this server or in all, or close() was called; the task is not run.
  /// `id` names it for cancel(); it may be empty. `bytes`: what the task holds in memory.
  [[nodiscard]] bool post(const std::string& server_id, Pace pace, const std::string& id, Task task,
                          std::size_t bytes = 0);
  /// Asks the work of this server with this id to stop, whether it runs or waits; what waits is run
  /// with a token that says so. False: there is none.
  bool cancel(const std::string& server_id, const std::string& id);
  /// The same for all work of the server, and waits until none runs.
  void cancelAll(const std::string& server_id);
  /// Whether work of the server runs or waits, other than backups.
  bool isBusy(const std::string& server_id);
  /// The same as cancelAll() for the work of all servers; from now on nothing is taken.
  void close();

 private:
  struct Item {
    std::string id;
    Task task;
    std::size_t bytes = 0;
    std::stop_source stopping{};
  };
  using Key = std::pair<std::string, Pace>;
  struct Queue {
    std::deque<std::shared_ptr<Item>> waiting{};
    std::shared_ptr<Item> running{};
  };

  bool addThread();
  void run();
  std::map<Key, Queue>::iterator takeReady();
  static void stop(Queue& queue);
  bool isIdle(const std::string& server_id) const;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable ended_;
  std::map<Key, Queue> queues_;
  std::deque<Key> ready_;  ///< with something waiting and nothing running
  std::size_t waiting_ = 0;
  std::size_t waiting_bytes_ = 0;
  std::size_t slow_running_ = 0;
  std::size_t backups_running_ = 0;  ///< of these
  std::size_t idle_ = 0;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace agent

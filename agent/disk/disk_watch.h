#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/disk/disk_scan.h"

namespace agent {

struct DiskUse;
class ServerFiles;
class ServerNotes;

/// Keeps the figures of what servers' files take, holds servers to their limits where the file
/// system can, and tells who is beyond one. One thread of low priority that looks at so many
/// entries a second and no more; a few servers at a time, a slice of each in turn, so that a server
/// with very many files keeps no other waiting.
///
/// Threads: any. Blocking: none, but measure() and close().
class DiskWatch {
 public:
  using Clock = std::chrono::steady_clock;

  struct Options {
    std::size_t entries_per_second = 50'000;
    Clock::duration age = std::chrono::seconds(60);  ///< of a figure, before it is taken anew
    Clock::duration look = std::chrono::seconds(5);  ///< between looks at who runs
  };
  struct Hooks {
    /// The servers that are measured without being asked for.
    std::function<std::vector<std::string>()> running;
    /// One is beyond its limit; `is_new`: it was not when it was measured last, or fell below 95 %
    /// since. False: it does not run, and counts as not told.
    std::function<bool(const std::string& server_id, const DiskUse& use, bool is_new)> exceeded;
  };

  /// Both are borrowed.
  DiskWatch(const ServerFiles& files, ServerNotes& notes, Hooks hooks, Options options);
  ~DiskWatch() { close(); }
  DiskWatch(const DiskWatch&) = delete;
  DiskWatch& operator=(const DiskWatch&) = delete;

  void start();
  void close();

  /// Takes the figure when it is old.
  void want(const std::string& server_id);
  /// Something changed: takes it soon, more seldom the longer it takes. A new limit is applied
  /// then.
  void changed(const std::string& server_id);
  /// The directory is another one.
  void replaced(const std::string& server_id);
  /// Takes it before all others and waits for that, `patience` at the longest. False: it was not
  /// done in time.
  bool measure(const std::string& server_id, Clock::duration patience);

 private:
  struct Server {
    std::optional<Clock::time_point> due{};  ///< absent: nobody asked
    std::optional<Clock::time_point> last{};
    Clock::duration took{0};
    std::uint64_t begun = 0;
    std::uint64_t ended = 0;  ///< of those that were begun
    bool urgent = false;
    bool scanning = false;
    bool exceeded = false;
    std::optional<std::int64_t> limit{};  ///< as the file system was told
    bool enforced = false;
  };
  struct Scan {
    std::string server_id;
    std::unique_ptr<DiskScan> scan;
    Clock::time_point began;
  };
  using Lock = std::unique_lock<std::mutex>;

  void run();
  Clock::duration spacing(const Server& server, Clock::duration least) const;
  std::optional<std::string> nextDue(Clock::time_point now, bool only_urgent);
  void begin(Lock& lock, const std::string& server_id);
  void applyLimit(Lock& lock, const std::string& server_id, int directory);
  void step(Lock& lock);
  void finish(Lock& lock, const std::string& server_id, std::int64_t bytes, Clock::duration took);
  void lookWhoRuns(Lock& lock);

  const ServerFiles& files_;
  ServerNotes& notes_;
  const Hooks hooks_;
  const Options options_;
  std::mutex mutex_;
  std::condition_variable woken_;
  std::condition_variable measured_;
  std::map<std::string, Server> servers_;
  std::list<Scan> scans_;  ///< touched by the thread alone
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace agent

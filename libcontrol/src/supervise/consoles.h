#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include <libcontrol/console.h>
#include <libcontrol/runtime.h>

#include "supervise/console_input.h"
#include "supervise/console_log.h"
#include "supervise/log_thread.h"

namespace control {

/// The consoles of all entries: reads the containers' logs, opens them anew with each run and after
/// a loss, keeps the latest lines here and in a directory, and writes lines to stdin.
///
/// Threads:  any; `changed` comes from a thread of its own.
/// Blocking: none but stop(), and the small files.
class Consoles {
 public:
  struct Options {
    std::size_t most_bytes = 0;  ///< of one console; 0: nothing is read
    std::string directory{};     ///< absolute; empty: kept in memory alone
    Duration call_timeout = std::chrono::seconds(10);
    std::stop_token stopping{};
  };
  struct Callbacks {
    std::function<void(std::function<void()> job)> submit;  ///< may block; run at once
    std::function<void(Duration delay, std::function<void()> function)> after;
    std::function<void(const std::string& entry)> changed;  ///< there are new lines
  };

  Consoles(ContainerRuntime& runtime, Options options, Callbacks callbacks);
  ~Consoles();
  Consoles(const Consoles&) = delete;
  Consoles& operator=(const Consoles&) = delete;

  /// What is known of an entry, told as often as it may have changed: its container, the run that
  /// goes on, and how the one before ended.
  void follow(const std::string& entry, const std::optional<ContainerId>& container,
              const std::optional<RunId>& run, const std::optional<ExitStatus>& last);
  /// The entry is new: what an older one of its name wrote is none of its output.
  void create(const std::string& entry);
  void forget(const std::string& entry);

  /// Waits until all that the entry's container has written was read, and nothing more can come; a
  /// container that is about to go takes the rest with it. Ends at the context's deadline, or when
  /// it is cancelled, without more ado.
  void awaitEnd(const std::string& entry, const CallContext& context) const;

  ConsolePage read(const std::string& entry, const ConsoleQuery& query) const;
  /// As ConsoleInput::send.
  Result<void> send(const std::string& entry, const RunId& run, std::string line,
                    const CallContext& context, ConsoleInput::Done done);

  /// Whether the thread that reads them has turned since the last call; true at first.
  bool turns() noexcept { return thread_.turns(); }

  /// Ends reading; jobs that were submitted must have ended before it is destroyed, which saves.
  void stop();

 private:
  enum class Reading { kIdle, kQueued, kOpening, kOpen, kWaiting };

  struct Followed {
    Followed(std::string name, std::size_t most_bytes) : entry(std::move(name)), log(most_bytes) {}

    const std::string entry;
    std::shared_ptr<ConsoleInput> input{};

    mutable std::mutex mutex{};
    mutable std::condition_variable at_rest{};  ///< notified when wantsReading() ends
    // All below: guarded by mutex.
    ConsoleLog log;
    std::optional<ContainerId> container{};
    ContainerId opened{};                ///< whose log was asked for last
    std::optional<RunId> run{};          ///< goes on
    std::optional<RunId> read_run{};     ///< that the log was opened for
    std::optional<WallTime> last_end{};  ///< of the run before
    bool has_run = false;
    bool drained = false;  ///< nothing more will come of what is known
    bool forgotten = false;
    Reading reading = Reading::kIdle;
    std::uint64_t token = 0;       ///< of the stream, and of the wait for the next try
    Duration delay{};              ///< before the next try; 0: the first
    std::uint64_t restored = 0;    ///< the last line that came from the file
    std::uint64_t saved_last = 0;  ///< what the file holds
    std::uint64_t saved_landmarks = 0;
    std::string problem{};

    bool wantsReading() const { return container && !drained && !forgotten && (run || has_run); }
  };
  using FollowedPtr = std::shared_ptr<Followed>;

  FollowedPtr find(const std::string& entry) const;
  FollowedPtr make(const std::string& entry);
  void drop(const FollowedPtr& followed);

  void queue(const FollowedPtr& followed);
  void openQueued();
  void open(const FollowedPtr& followed);
  void opened(const FollowedPtr& followed, const std::optional<RunId>& run,
              const ContainerId& container, Result<std::unique_ptr<LogStream>> stream);
  void retry(const FollowedPtr& followed);
  void output(std::uint64_t token, std::vector<Output> outputs);
  void ended(std::uint64_t token, const std::optional<Error>& error);
  void settle(const FollowedPtr& followed, const std::optional<Error>& error);

  void keepSaving();
  void saveAll();
  void save(Followed& followed);
  std::string pathOf(const std::string& entry) const;

  ContainerRuntime& runtime_;
  const Options options_;
  const Callbacks callbacks_;
  mutable std::mutex mutex_;
  // Guarded by mutex_, which is taken before a console's own.
  std::map<std::string, FollowedPtr> followed_;
  std::map<std::uint64_t, FollowedPtr> open_;
  std::deque<FollowedPtr> queue_;
  std::size_t openers_ = 0;
  std::uint64_t next_token_ = 1;
  bool saving_ = false;
  std::mutex files_;  ///< held while files are written
  LogThread thread_;  ///< last: it calls the rest
};

}  // namespace control

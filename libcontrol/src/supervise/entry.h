#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <libcontrol/supervisor.h>

#include "supervise/job.h"

namespace control {

/// A stop that has sent its signal to a run: who comes next need not send it again.
struct SentSignal {
  RunId run{};
  std::optional<Signal> signal{};
  TimePoint kill_at{};
};

/// One container that is supervised. Its jobs run one after the other, each on some thread of the
/// executor; only they change what is known about it.
struct Entry {
  explicit Entry(std::string entry_name) : name(std::move(entry_name)) {}

  const std::string name;

  std::mutex mutex;
  // All below: guarded by mutex. Written by the entry's jobs alone, but for the queue.
  std::deque<std::shared_ptr<Job>> queue;
  std::shared_ptr<Job> active;
  bool busy = false;  ///< a thread works off the queue
  bool removed = false;

  EntryState state = EntryState::kUnknown;
  std::optional<Reason> reason;
  std::optional<ContainerId> container;
  std::string image;
  std::optional<int> pid;
  std::optional<RunId> run;  ///< the run that goes on; absent when none does
  std::optional<ExitStatus> exit;
  Duration own_stop_timeout = std::chrono::seconds(10);
  std::optional<Signal> own_stop_signal;  ///< as the engine says it of the container
  std::optional<SentSignal> sent_signal;
  RestartPolicy restart;
  int restarts = 0;                          ///< automatic ones since the last requested start
  int retries_in_row = 0;                    ///< of them, since a run that lasted
  bool restart_planned = false;              ///< a crash is to be followed by a restart
  std::uint64_t restart_generation = 0;      ///< a restart that was planned before this is off
  std::vector<EntryUpdate> pending_updates;  ///< for the next start

  std::shared_ptr<ExitWatch> watch;
  std::uint64_t watch_token = 0;

  std::optional<StatsSample> sample;
  std::optional<StatsSample> rate_base;
  std::optional<StatsRates> rates;

  EntryStatus status() const;  ///< with mutex held
  /// With mutex held: its container could not be made or is gone, and nothing is under way that
  /// would change that.
  bool isEmpty() const {
    return state == EntryState::kFailed && !container && !active && queue.empty();
  }
  /// With mutex held: what the engine says of it is not known, or will not be when the jobs before
  /// have ended.
  bool isLost() const;
  /// Takes a sample in and renews the rates; with mutex held.
  void addSample(const StatsSample& taken);
  void forgetStats();
};

}  // namespace control

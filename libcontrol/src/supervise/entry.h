#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <libcontrol/supervisor.h>

#include "supervise/desired.h"
#include "supervise/job.h"
#include "supervise/next_specs.h"

namespace control {

/// A stop that has sent its signal to a run: who comes next need not send it again.
struct SentSignal {
  RunId run{};
  std::optional<Signal> signal{};
  TimePoint kill_at{};
};

/// How a stop ended, and what brought it about.
struct Stopped : StopReport {
  std::string rung{};  ///< as Transition::rung
};

/// The end of a run that nobody asked for. Should the engine turn out to be going down, it was the
/// engine's doing and what followed from it is taken back.
struct UnaskedEnd {
  TimePoint at{};
  bool from_outside = false;  ///< it ended as one does that was told to
  Desired before{};
};

/// What an event told while the entry was busy.
struct News {
  EventType type = EventType::kUnknown;
  ContainerId container{};
};

/// It is being removed, or was left half way by an engine that was killed: it never runs again.
inline bool isGoing(const ContainerInfo& info) {
  return info.state == ContainerState::kRemoving || info.state == ContainerState::kDead;
}

/// One container that is supervised. Its jobs run one after the other, each on some thread of the
/// executor; only they change what is known about it.
struct Entry {
  explicit Entry(std::string entry_name) : name(std::move(entry_name)) {}

  /// An engine that shuts down ends its containers first and goes when the slowest has ended. Ends
  /// as by a signal within so long before it is lost may be its doing; of others those just before.
  static constexpr Duration kShutdown = std::chrono::seconds(60);
  static constexpr Duration kJustBefore = std::chrono::seconds(5);

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
  StopLadder ladder;
  std::optional<SentSignal> sent_signal;
  RestartPolicy restart;
  Desired desired;                   ///< its retries: in a row, since a run that lasted
  bool is_desire_known = false;      ///< not: a container that was found, until looked at
  std::uint64_t desire_changes = 0;  ///< by operations
  std::optional<UnaskedEnd> unasked_end;
  std::optional<RunId> stopped_by_others;  ///< another client sent this run a stop signal
  TimePoint run_began{};
  int restarts = 0;                      ///< automatic ones since the last requested start
  int failed_starts = 0;                 ///< by itself, in a row, for an engine in trouble
  bool restart_planned = false;          ///< a crash is to be followed by a restart
  bool restores = false;                 ///< waits for its turn to be started again
  std::uint64_t restart_generation = 0;  ///< a restart that was planned before this is off
  std::optional<NextSpec> next;          ///< to be made anew from, at the latest by the next start

  std::shared_ptr<ExitWatch> watch;
  std::uint64_t watch_token = 0;
  /// The engine may have been away: what is known of it has to be looked at anew, and its end may
  /// be the engine's doing.
  bool in_doubt = false;
  bool look_planned = false;
  std::optional<News> news;

  std::optional<StatsSample> sample;
  std::optional<StatsSample> rate_base;
  std::optional<StatsRates> rates;

  EntryStatus status() const;  ///< with mutex held
  /// With mutex held: nothing is kept of it, and it is about to be forgotten.
  bool isGone() const { return removed || state == EntryState::kDeleted; }
  /// Its container was taken away to be made anew, or was about to be.
  bool isTakenAway() const { return next && next->previous; }
  /// With mutex held: its container could not be made or is gone, and nothing is under way that
  /// would change that.
  bool isEmpty() const {
    return state == EntryState::kFailed && !container && !active && queue.empty();
  }
  /// With mutex held: what the engine says of it is not known or in doubt, or will not be known
  /// when the jobs before have ended.
  bool isLost() const;
  /// With mutex held: whether a stop that was asked for so goes up the ladder.
  bool climbs(const StopOptions& asked) const;
  /// With mutex held: how long it may take before the kill.
  Duration stopTime(const StopOptions& asked) const;
  /// With mutex held.
  void doubt(TimePoint now);
  /// With mutex held: whether its last end may yet turn out to be the engine's doing.
  bool mayBeTakenBack(TimePoint now) const;
  /// With mutex held: whether what is known of it shows already what an event tells.
  bool shows(const News& told) const;
  /// Takes a sample in and renews the rates; with mutex held.
  void addSample(const StatsSample& taken);
  void forgetStats();
};

}  // namespace control

#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string_view>

#include <libcontrol/stats.h>
#include <libcontrol/testing/mock_control.h>

#include "mock/mock_process.h"
#include "mock/mock_timers.h"

namespace control::mock {

struct Container;

/// One run of a container: its process on the engine's timers, its pauses, what it has used.
/// Under the engine's mutex.
class Run final : private Process::Host {
 public:
  /// Calls come from within the run's own calls and timers.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void printed(OutputSource source, std::string_view bytes) = 0;
    /// Once. The run stays until its own call has returned.
    virtual void ended(const ProcessEnd& end) = 0;
  };

  /// `container` outlives it.
  Run(const Container& container, Timers& timers, const Clock& clock, Owner& owner);
  ~Run() override;

  void start() { process_.start(); }
  /// What reaches a paused process waits for the end of the pause, except SIGKILL.
  void signal(Signal signal);
  void end(const ProcessEnd& end) {
    account();
    process_.end(end);
  }
  void input(std::string_view bytes) { process_.input(bytes); }
  void closeInput() { process_.closeInput(); }
  /// Stops the process's time: what is left of each timer is kept.
  void pause();
  void resume();

  /// Adds up what was used until now. Before anything that changes the rate.
  void account();
  StatsSample sample();
  void setStats(const testing::MockStats& stats);
  /// Another process than the first was killed for lack of memory.
  void killedChild() { ++oom_kills_; }
  void execStarted() { ++execs_; }
  void execEnded() { --execs_; }

 private:
  TimePoint now() const override { return clock_.now(); }
  void print(OutputSource source, std::string_view bytes) override {
    owner_.printed(source, bytes);
  }
  void setTimer(Process::Timer timer, TimePoint at) override;
  void clearTimer(Process::Timer timer) override;
  std::uint64_t activeMilliseconds() const;
  std::uint64_t received() const;
  std::uint64_t sent() const;
  void ended(const ProcessEnd& end) override;

  const Container& container_;
  Timers& timers_;
  const Clock& clock_;
  Owner& owner_;
  Process process_;

  std::array<Timers::Id, Process::kTimers> ids_{};
  std::array<std::optional<TimePoint>, Process::kTimers> moments_{};
  bool paused_ = false;
  std::array<std::optional<Duration>, Process::kTimers> left_{};
  std::deque<Signal> held_signals_;

  TimePoint accounted_at_;
  Duration cpu_used_{};
  Duration cpu_throttled_{};
  Duration active_{};
  testing::MockStats set_{};
  std::int64_t rx_offset_ = 0;
  std::int64_t tx_offset_ = 0;
  std::uint64_t oom_kills_ = 0;
  std::uint64_t execs_ = 0;
};

}  // namespace control::mock

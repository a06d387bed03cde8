#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <libcontrol/runtime.h>
#include <libcontrol/testing/mock_control.h>

#include "mock/mock_labels.h"
#include "mock/mock_process.h"
#include "mock/mock_timers.h"
#include "mock/mock_wait.h"

namespace control::mock {

class EventQueue;

struct LogLine {
  OutputSource source;
  std::string bytes;  // up to and with the end of the line
  WallTime at;
};

/// A container as the engine keeps it. All of it is under the engine's mutex.
struct Container {
  ContainerId id{};
  ContainerSpec spec{};
  Behaviour behaviour{};
  Program program{};
  std::uint64_t number = 0;
  WallTime created_at{};

  ContainerState state = ContainerState::kCreated;
  bool removed = false;
  bool hung = false;
  std::string error{};

  // The latest run.
  std::uint64_t runs = 0;
  RunId run{};
  TimePoint run_began{};
  int pid = 0;
  std::optional<ExitStatus> exit{};
  bool oom = false;
  std::vector<PortMapping> bound_ports{};
  std::unique_ptr<Process> process{};
  std::unique_ptr<Process::Host> host{};
  std::array<Timers::Id, Process::kTimers> timers{};
  std::array<std::optional<TimePoint>, Process::kTimers> timer_moments{};
  std::vector<Duration> paused_timers{};
  std::deque<Signal> paused_signals{};
  Duration cpu_used{};
  Duration cpu_throttled{};
  Duration active_time{};
  TimePoint accounted_at{};

  std::string early_input{};  // written before the run
  bool early_end = false;
  std::deque<LogLine> log{};
  std::size_t log_bytes = 0;
  bool log_cut = false;

  std::vector<WaitPoint*> points{};

  bool running() const noexcept {
    return state == ContainerState::kRunning || state == ContainerState::kPaused;
  }
};
using ContainerPtr = std::shared_ptr<Container>;

/// An engine in memory. Runtimes of one name share one; it lives as long as the process.
///
/// Threads:  any method may run on any thread, unless it says that the mutex is held.
/// Blocking: none. Waiting is done by WaitPoints.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  Engine(std::shared_ptr<Clock> clock, std::uint64_t seed);
  ~Engine();

  std::mutex& mutex() const noexcept { return timers_->mutex(); }
  Clock& clock() const noexcept { return *clock_; }
  const std::shared_ptr<Clock>& sharedClock() const noexcept { return clock_; }
  std::uint64_t seed() const noexcept { return seed_; }

  // What a runtime asks for.
  Result<CreatedContainer> create(const ContainerSpec& spec);
  Result<StartOutcome> start(const ContainerId& id);
  Result<SignalOutcome> signal(const ContainerId& id, Signal signal);
  Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options);
  Result<ContainerInfo> inspect(const ContainerId& id) const;
  std::vector<ContainerSummary> list(const ListFilter& filter) const;
  Result<StatsSample> stats(const ContainerId& id);
  Result<void> update(const ContainerId& id, const ResourceLimits& limits);
  Result<ImageInfo> findImage(const std::string& reference) const;
  /// What a registry would answer to a pull.
  Result<void> checkPull(const std::string& reference, const PullOptions& options) const;

  // What a test does.
  Result<void> endRun(const ContainerId& id, const ProcessEnd& end);
  Result<void> pause(const ContainerId& id);
  Result<void> unpause(const ContainerId& id);
  Result<void> print(const ContainerId& id, std::string_view bytes);
  Result<void> setHung(const ContainerId& id, bool hung);
  void setDown(bool down);
  void failNext(testing::Primitive primitive, Error error, int times);
  void addImage(const std::string& reference);
  void removeImage(const std::string& reference);
  std::vector<testing::JournalEntry> journal() const;
  void reset();
  testing::FakeClock* fakeClock() const noexcept { return timers_->fakeClock(); }

  // The course of a call.
  std::uint64_t beginCall(testing::Primitive primitive, std::string subject, std::string detail);
  void finishCall(std::uint64_t call, const std::optional<ErrorCode>& error);
  /// The engine is down, or the call was told to fail.
  std::optional<Error> fault(testing::Primitive primitive);

  // With the mutex held.
  bool down() const noexcept { return down_; }
  Result<ContainerPtr> find(const ContainerId& id) const;
  void attachPoint(WaitPoint& point, Container* container);
  void detachPoint(WaitPoint& point, Container* container) noexcept;
  void subscribe(EventQueue& queue) { subscribers_.push_back(&queue); }
  void unsubscribe(EventQueue& queue) noexcept { std::erase(subscribers_, &queue); }
  void putInput(Container& container, std::string_view bytes);
  void endInput(Container& container);
  void hasImage(const std::string& reference) { images_.insert_or_assign(reference, true); }
  Timers& timers() noexcept { return *timers_; }
  /// The number of open runtimes.
  int users = 0;

 private:
  class RunHost;
  struct Fault {
    testing::Primitive primitive;
    Error error;
    int times;
  };
  static constexpr std::size_t kJournalLimit = 4096;

  // All with the mutex held.
  bool imagePresent(const std::string& reference) const;
  std::string newId();
  Result<std::vector<PortMapping>> bindPorts(const Container& container) const;
  bool portTaken(const PortMapping& port) const;
  Result<void> prepareStart(Container& container);
  void beginRun(const ContainerPtr& container);
  void finishRun(Container& container, const ProcessEnd& end);
  void killRun(Container& container);
  void unlink(const ContainerPtr& container);
  void suspend(Container& container);
  void resume(Container& container);
  void setTimer(Container& container, Process::Timer timer, TimePoint at);
  void clearTimer(Container& container, Process::Timer timer);
  void output(Container& container, OutputSource source, std::string_view bytes);
  void account(Container& container);
  void publish(EventType type, const char* raw, const Container& container,
               std::optional<int> exit_code = {}, std::optional<Signal> signal = {});
  ContainerInfo describe(const Container& container) const;
  Result<ContainerPtr> findRunning(const ContainerId& id) const;
  void loseConnections();

  const std::shared_ptr<Clock> clock_;
  const std::uint64_t seed_;
  const std::shared_ptr<Timers> timers_;
  // Guarded by mutex().
  std::map<std::string, ContainerPtr> containers_;  // by id
  std::map<std::string, std::string, std::less<>> names_;
  std::map<std::string, bool> images_;  // where it differs from what the name says
  std::unordered_set<WaitPoint*> points_;
  std::vector<EventQueue*> subscribers_;
  std::vector<Fault> faults_;
  std::deque<testing::JournalEntry> journal_;
  std::uint64_t calls_ = 0;
  std::uint64_t random_;
  std::uint64_t created_ = 0;
  int last_pid_ = 0;
  std::uint16_t last_port_ = 0;
  WallTime last_start_{};
  bool down_ = false;
};

/// "a/b:c@d" holds `word` as a whole part of its path, tag and digest aside.
bool hasPart(std::string_view reference, std::string_view word);

/// The container carries all of `wanted`; an empty value asks for the key alone.
bool labelsMatch(const std::map<std::string, std::string>& wanted,
                 const std::map<std::string, std::string>& labels);

}  // namespace control::mock

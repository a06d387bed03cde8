#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <libcontrol/runtime.h>
#include <libcontrol/testing/mock_control.h>

#include "mock/mock_container.h"
#include "mock/mock_event_hub.h"
#include "mock/mock_images.h"
#include "mock/mock_journal.h"
#include "mock/mock_ports.h"
#include "mock/mock_profile.h"
#include "mock/mock_random.h"
#include "mock/mock_rules.h"
#include "mock/mock_scenario.h"
#include "mock/mock_timeline.h"
#include "mock/mock_timers.h"
#include "mock/mock_wait.h"

namespace control::mock {

/// An engine in memory. Runtimes of one name share one; it lives as long as the process.
///
/// Threads:  its mutex is held by whoever calls it, but for what is said to be without it.
/// Blocking: none. Waiting is done by WaitPoints.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  Engine(std::shared_ptr<Clock> clock, std::uint64_t seed, const Profile& profile);
  ~Engine();

  // Without the mutex.
  std::mutex& mutex() const noexcept { return timers_->mutex(); }
  Clock& clock() const noexcept { return *clock_; }
  const std::shared_ptr<Clock>& sharedClock() const noexcept { return clock_; }
  testing::FakeClock* fakeClock() const noexcept { return timers_->fakeClock(); }
  std::uint64_t seed() const noexcept { return seed_; }
  const Profile& profile() const noexcept { return profile_; }

  // What a runtime asks for.
  Result<CreatedContainer> create(const ContainerSpec& spec);
  Result<StartOutcome> start(const ContainerId& id);
  Result<SignalOutcome> signal(const ContainerId& id, Signal signal);
  Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options);
  Result<ContainerInfo> inspect(const ContainerId& id) const;
  std::vector<ContainerSummary> list(const ListFilter& filter) const;
  Result<StatsSample> stats(const ContainerId& id);
  Result<void> update(const ContainerId& id, const ResourceLimits& limits);
  void putInput(Container& container, std::string_view bytes);
  void endInput(Container& container);

  /// kInvalidArgument, with the line: a container that cannot be made so.
  Result<void> begin(std::shared_ptr<const Scenario> scenario);

  // What happens without a call.
  /// `action` has passed checkAction().
  Result<void> perform(const testing::EngineAction& action);
  bool down() const noexcept { return down_; }
  void reset();

  Result<ContainerPtr> find(const ContainerId& id) const;
  Result<ContainerPtr> findRunning(const ContainerId& id) const;
  void attachPoint(WaitPoint& point, Container* container);
  void detachPoint(WaitPoint& point, Container* container) noexcept;
  /// Those that somebody holds.
  std::size_t openPoints() const noexcept { return points_.size() - orphans_.size(); }
  /// Since the engine was made or reset.
  Duration age() const noexcept { return clock_->now() - began_; }

  Images& images() noexcept { return images_; }
  EventHub& events() noexcept { return events_; }
  Rules& rules() noexcept { return rules_; }
  Timeline& timeline() noexcept { return timeline_; }
  Journal& journal() noexcept { return journal_; }
  const Journal& journal() const noexcept { return journal_; }
  Timers& timers() noexcept { return *timers_; }
  /// Processes whose callers were told that they were not started.
  std::vector<std::unique_ptr<ExecSession>>& orphans() noexcept { return orphans_; }
  /// The number of open runtimes.
  int users = 0;

 private:
  class RunOwner;

  void completeSpec(ContainerSpec& spec) const;
  Result<void> place(const Scenario::InitialContainer& initial);
  Result<void> prepareStart(Container& container);
  void beginRun(Container& container);
  void finishRun(Container& container, const ProcessEnd& end);
  void recordExit(Container& container);
  void kill(Container& container);
  void unlink(Container& container);
  void setState(Container& container, ContainerState state, std::string_view raw = {});
  void noteOom(Container& container);
  std::optional<bool> oomKilled(const Container& container) const;
  void output(Container& container, OutputSource source, std::string_view bytes);
  void publish(EventType type, std::string_view raw, const Container& container,
               std::optional<int> exit_code = {}, std::optional<Signal> signal = {});
  std::vector<PortMapping> portsInUse() const;
  void pauseRun(Container& container);
  void resumeRun(Container& container);

  Result<void> performOnEngine(const testing::EngineAction& action);
  Result<void> performOn(Container& container, const testing::EngineAction& action);
  Result<void> performOnRunning(Container& container, const testing::EngineAction& action);
  Result<void> stopFor(Container& container, std::optional<Duration> timeout);
  Result<void> removeFor(Container& container);
  Result<void> rename(Container& container, const std::string& name);
  void setDown(bool down);
  void loseConnections();

  const std::shared_ptr<Clock> clock_;
  const std::uint64_t seed_;
  const Profile& profile_;
  const std::shared_ptr<Timers> timers_;
  // Guarded by mutex().
  std::map<std::string, ContainerPtr> containers_;  // by id
  std::map<std::string, std::string, std::less<>> names_;
  Images images_;
  Ports ports_;
  std::unordered_set<WaitPoint*> points_;
  EventHub events_;
  Rules rules_;
  Timeline timeline_;
  Journal journal_;
  std::vector<std::unique_ptr<ExecSession>> orphans_;
  std::shared_ptr<const Scenario> scenario_;  // null: none
  Random random_;
  std::uint64_t created_ = 0;
  int last_pid_ = 0;
  WallTime last_start_{};
  TimePoint began_;
  bool down_ = false;
};

}  // namespace control::mock

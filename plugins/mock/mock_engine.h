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
#include "mock/mock_images.h"
#include "mock/mock_journal.h"
#include "mock/mock_ports.h"
#include "mock/mock_random.h"
#include "mock/mock_timers.h"
#include "mock/mock_wait.h"

namespace control::mock {

class EventQueue;

/// An engine in memory. Runtimes of one name share one; it lives as long as the process.
///
/// Threads:  its mutex is held by whoever calls it, but for what is said to take it.
/// Blocking: none. Waiting is done by WaitPoints.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  Engine(std::shared_ptr<Clock> clock, std::uint64_t seed);
  ~Engine();

  // Without the mutex.
  std::mutex& mutex() const noexcept { return timers_->mutex(); }
  Clock& clock() const noexcept { return *clock_; }
  const std::shared_ptr<Clock>& sharedClock() const noexcept { return clock_; }
  testing::FakeClock* fakeClock() const noexcept { return timers_->fakeClock(); }
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
  void putInput(Container& container, std::string_view bytes);
  void endInput(Container& container);
  Images& images() noexcept { return images_; }

  // What happens without a call.
  Result<void> endRun(const ContainerId& id, const ProcessEnd& end);
  Result<void> pause(const ContainerId& id);
  Result<void> unpause(const ContainerId& id);
  Result<void> print(const ContainerId& id, std::string_view bytes);
  Result<void> setHung(const ContainerId& id, bool hung);
  void setDown(bool down);
  bool down() const noexcept { return down_; }
  void failNext(testing::Primitive primitive, Error error, int times);
  /// The next call of this kind is to fail.
  std::optional<Error> takeFault(testing::Primitive primitive);
  void reset();

  Result<ContainerPtr> find(const ContainerId& id) const;
  void attachPoint(WaitPoint& point, Container* container);
  void detachPoint(WaitPoint& point, Container* container) noexcept;
  void subscribe(EventQueue& queue) { subscribers_.push_back(&queue); }
  void unsubscribe(EventQueue& queue) noexcept { std::erase(subscribers_, &queue); }
  Journal& journal() noexcept { return journal_; }
  Timers& timers() noexcept { return *timers_; }
  /// The number of open runtimes.
  int users = 0;

 private:
  class RunOwner;
  struct Fault {
    testing::Primitive primitive;
    Error error;
    int times;
  };

  Result<void> prepareStart(Container& container);
  void beginRun(Container& container);
  void finishRun(Container& container, const ProcessEnd& end);
  void killRun(Container& container);
  void unlink(const ContainerPtr& container);
  void output(Container& container, OutputSource source, std::string_view bytes);
  void publish(EventType type, const char* raw, const Container& container,
               std::optional<int> exit_code = {}, std::optional<Signal> signal = {});
  Result<ContainerPtr> findRunning(const ContainerId& id) const;
  std::vector<PortMapping> portsInUse() const;
  void loseConnections();

  const std::shared_ptr<Clock> clock_;
  const std::uint64_t seed_;
  const std::shared_ptr<Timers> timers_;
  // Guarded by mutex().
  std::map<std::string, ContainerPtr> containers_;  // by id
  std::map<std::string, std::string, std::less<>> names_;
  Images images_;
  Ports ports_;
  std::unordered_set<WaitPoint*> points_;
  std::vector<EventQueue*> subscribers_;
  std::vector<Fault> faults_;
  Journal journal_;
  Random random_;
  std::uint64_t created_ = 0;
  int last_pid_ = 0;
  WallTime last_start_{};
  bool down_ = false;
};

}  // namespace control::mock

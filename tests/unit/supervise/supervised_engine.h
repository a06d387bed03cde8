#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <libcontrol/supervisor.h>
#include <libcontrol/testing/mock_engine.h>

#include "gated_runtime.h"
#include "mock/mock_plugin.h"
#include "recording_observer.h"

namespace control::test {

/// A supervisor on a mock engine whose time the test moves.
class SupervisedEngine : public ::testing::Test {
 protected:
  SupervisedEngine() { options_.stats_interval = Duration::zero(); }
  ~SupervisedEngine() override { close(); }

  void open() {
    supervisor_ = std::make_unique<Supervisor>(runtime_, options_, observer_);
    supervisor_->open(engine_.within(std::chrono::hours(1)));
  }
  void close() { supervisor_.reset(); }
  /// As a daemon that is restarted.
  void reopen() {
    close();
    open();
  }

  static EntrySpec server(std::map<std::string, std::string> labels = {}) {
    EntrySpec spec;
    spec.container.image = "example/game:1";
    spec.container.labels = std::move(labels);
    return spec;
  }
  void create(const std::string& name, EntrySpec spec = server()) {
    ASSERT_TRUE(supervisor_->create(name, std::move(spec), "create-" + name));
    const auto end = observer_.waitForEnd("create-" + name);
    ASSERT_TRUE(end);
    ASSERT_FALSE(end->error) << end->error->message;
  }
  void createAndStart(const std::string& name, EntrySpec spec = server()) {
    spec.start = true;
    create(name, std::move(spec));
  }
  void stop(const std::string& name) {
    ASSERT_TRUE(supervisor_->stop(name, {}, "stop-" + name));
    ASSERT_FALSE(observer_.waitForEnd("stop-" + name)->error);
  }

  ContainerId idOf(const std::string& name) const { return *supervisor_->status(name)->container; }
  EntryState stateOf(const std::string& name) const {
    const auto status = supervisor_->status(name);
    return status ? status->state : EntryState::kDeleted;
  }
  testing::MockControl& control() const { return engine_.control(); }
  testing::FakeClock& clock() const { return engine_.clock(); }

  /// While time stands still.
  template <class Holds>
  static bool eventually(const Holds& holds) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!holds() && std::chrono::steady_clock::now() < give_up)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return holds();
  }
  bool becomes(const std::string& name, EntryState state) const {
    return eventually([&] { return stateOf(name) == state; });
  }
  /// Moves time from one thing that is due to the next, each once all threads wait.
  template <class Holds>
  bool passUntil(const Holds& holds) const {
    const TimePoint end = clock().now() + std::chrono::hours(3);
    for (;;) {
      testing::awaitOtherThreads();
      if (holds()) return true;
      if (clock().now() >= end) return false;
      const auto next = clock().nextPending();
      if (!next) return eventually(holds);
      clock().advanceTo(*next);
    }
  }
  bool becomesInTime(const std::string& name, EntryState state) const {
    return passUntil([&] { return stateOf(name) == state; });
  }
  /// The time between one call of that primitive and the next, where it was shortest.
  Duration shortestPauseOf(testing::Primitive primitive) const {
    Duration shortest = Duration::max();
    std::optional<TimePoint> before;
    for (const testing::JournalEntry& one : control().journal()) {
      if (one.primitive != primitive) continue;
      if (before) shortest = std::min(shortest, one.at - *before);
      before = one.at;
    }
    return shortest;
  }

  Duration averagePauseOf(testing::Primitive primitive) const {
    std::vector<TimePoint> calls;
    for (const testing::JournalEntry& one : control().journal())
      if (one.primitive == primitive) calls.push_back(one.at);
    if (calls.size() < 2) return Duration::max();
    return (calls.back() - calls.front()) / static_cast<Duration::rep>(calls.size() - 1);
  }

  std::size_t callsOf(testing::Primitive primitive) const {
    std::size_t count = 0;
    for (const testing::JournalEntry& one : control().journal())
      count += one.primitive == primitive ? 1 : 0;
    return count;
  }

  static inline const PluginDescriptor* const kLinked[] = {&mock::descriptor()};
  testing::MockEngine engine_{
      {.time = testing::MockEngineOptions::Time::kByHand, .load = {.linked_plugins = kLinked}}};
  std::shared_ptr<GatedRuntime> runtime_ = std::make_shared<GatedRuntime>(engine_.runtime());
  RecordingObserver observer_;
  SupervisorOptions options_;
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace control::test

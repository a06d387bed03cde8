#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <libcontrol/loader.h>
#include <libcontrol/supervisor.h>
#include <libcontrol/testing/mock_control.h>

#include "mock/mock_plugin.h"
#include "recording_observer.h"

namespace control::test {

/// An engine of its own for each test, on the real clock.
inline std::shared_ptr<ContainerRuntime> openEngine(const std::string& name) {
  static const PluginDescriptor* const kLinked[] = {&mock::descriptor()};
  auto runtime = loadRuntime("mock:///" + name, {.linked_plugins = kLinked});
  if (!runtime) throw std::runtime_error(runtime.error().message);
  return *runtime;
}

inline std::string freshName() {
  static std::atomic<int> count{0};
  return "supervisor-" + std::to_string(++count);
}

inline EntrySpec serverThat(std::map<std::string, std::string> labels = {}) {
  EntrySpec spec;
  spec.container.image = "example/game:1";
  spec.container.labels = std::move(labels);
  return spec;
}

inline bool eventually(const std::function<bool()>& holds) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!holds() && std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return holds();
}

class SupervisorTest : public ::testing::Test {
 protected:
  SupervisorTest() { restart(); }

  /// Ends the supervisor and opens a new one on the same engine, as a restarted daemon does.
  void restart() {
    supervisor_.reset();
    supervisor_ = std::make_unique<Supervisor>(
        runtime_, SupervisorOptions{.stats_interval = Duration::zero()}, observer_);
    supervisor_->open(CallContext::within(std::chrono::seconds(5)));
  }

  void createAndStart(const std::string& name, EntrySpec spec) {
    spec.start = true;
    ASSERT_TRUE(supervisor_->create(name, std::move(spec), "create-" + name));
    const auto end = observer_.waitForEnd("create-" + name);
    ASSERT_TRUE(end);
    ASSERT_FALSE(end->error) << end->error->message;
  }

  testing::MockControl& engine() { return *runtime_->extension<testing::MockControl>(); }
  /// Whether the engine has been asked that and has not answered yet.
  bool isAsked(testing::Primitive primitive) {
    for (const testing::JournalEntry& one : engine().journal())
      if (one.primitive == primitive && !one.finished) return true;
    return false;
  }
  ContainerId idOf(const std::string& name) { return *supervisor_->status(name)->container; }

  std::shared_ptr<ContainerRuntime> runtime_ = openEngine(freshName());
  RecordingObserver observer_;
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace control::test

#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <libcontrol/supervisor.h>

#include "faults/engine_process.h"
#include "real_engines/engine_under_test.h"
#include "support/temp_dir.h"
#include "unit/supervise/recording_observer.h"

namespace control::test {

/// The engine's process, as EngineProcess names it. docker_faults.cpp and podman_faults.cpp say it
/// of theirs.
extern const char* const kDaemon;

/// Servers on a real engine that the test freezes, kills and starts again. What must hold whatever
/// happens to the engine: nothing of ours stops or slows a container, the supervisor's word is the
/// engine's within two seconds after the fault has ended, and no fault counts as a crash.
class EngineFaults : public ::testing::Test {
 protected:
  EngineFaults()
      : directory_(std::filesystem::path(engineUnderTest().socket).parent_path()),
        daemon_(directory_, kDaemon) {
    auto opened = openEngine(engineUnderTest().uri);
    if (!opened) throw std::runtime_error(opened.error().message);
    runtime_ = *opened;
    SupervisorOptions options;
    options.stats_interval = Duration::zero();
    options.name_prefix = "fault-" + std::to_string(++count_) + "-";
    options.managed_label = {"faults", std::to_string(count_)};
    options.state_file = state_.path("servers");
    supervisor_ = std::make_unique<Supervisor>(runtime_, options, observer_);
    supervisor_->open(soon());
    createAndStart("a");
    createAndStart("b");
    createAndStart("off");
    EXPECT_TRUE(supervisor_->kill("off", "kill"));
    EXPECT_TRUE(observer_.waitForEnd("kill"));
    const auto info = runtime_->inspect(*supervisor_->status("a")->container, soon());
    if (!info) throw std::runtime_error(info.error().message);
    before_ = *info;
    from_ = observer_.position();
  }

  ~EngineFaults() override {
    supervisor_.reset();
    for (const auto* name : {"a", "b", "off"})
      (void)runtime_->remove({"fault-" + std::to_string(count_) + "-" + name}, {.force = true},
                             soon());
  }

  /// Whether containers live on when the engine ends. docker_faults.cpp and podman_faults.cpp say
  /// how.
  void liveRestore(bool on);
  void restartBy(int signal) {
    daemon_.signal(signal);
    daemon_.awaitEnd();
    daemon_.start();
  }

  void createAndStart(const std::string& name) {
    EntrySpec spec;
    spec.container.image = kTestImage;
    spec.container.network = NetworkMode::kNone;
    // On an engine's shutdown it ends with an exit code of its own; and it counts, so that one that
    // is held up shows.
    spec.container.command = {"sh", "-c",
                              "trap 'exit 1' TERM; i=0; while :; do i=$((i+1)); echo $i >/tick/" +
                                  name + "; sleep 0.02; done"};
    spec.container.mounts = {{.source = ticks_.path(), .target = "/tick"}};
    spec.restart = {.mode = RestartPolicy::Mode::kOnFailure, .max_retries = 2};
    spec.start = true;
    ASSERT_TRUE(supervisor_->create(name, spec, "create-" + name));
    const auto end = observer_.waitForEnd("create-" + name);
    ASSERT_TRUE(end);
    ASSERT_FALSE(end->error) << end->error->message << ' ' << end->error->native;
  }

  int ticks(const std::string& name) const {
    // Between two lines the file is empty.
    for (int attempt = 0; attempt < 1000; ++attempt) {
      if (int count = 0; std::ifstream(ticks_.path(name)) >> count) return count;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return 0;
  }
  /// How much it counts in half a second.
  int pace(const std::string& name) const {
    const int before = ticks(name);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return ticks(name) - before;
  }

  bool eventually(const std::function<bool()>& holds,
                  Duration patience = std::chrono::seconds(60)) const {
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (!holds()) {
      if (std::chrono::steady_clock::now() >= give_up) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  EntryState stateOf(const std::string& name) const { return supervisor_->status(name)->state; }
  bool runs(const std::string& name) const { return stateOf(name) == EntryState::kRunning; }

  /// Whether the supervisor says of each what the engine says.
  bool agrees() const {
    if (!supervisor_->engineReachable()) return false;
    for (const auto* name : {"a", "b", "off"}) {
      const auto status = supervisor_->status(name);
      if (!status->container) return false;
      const auto info = runtime_->inspect(*status->container, soon());
      if (!info || info->running() != (status->state == EntryState::kRunning)) return false;
      if (info->running() && info->started_at != status->started_at) return false;
    }
    return true;
  }
  void expectAgreementInTwoSeconds() {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(eventually([this] { return agrees(); }));
    const auto took = std::chrono::steady_clock::now() - begin;
    RecordProperty("agreement_ms", static_cast<int>(took / std::chrono::milliseconds(1)));
    EXPECT_LE(took, std::chrono::seconds(2));
  }

  /// "a" runs on as if nothing had happened.
  void expectUntouched() {
    const auto after = runtime_->inspect(*supervisor_->status("a")->container, soon());
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(after->pid, before_.pid);
    EXPECT_EQ(after->started_at, before_.started_at);
    EXPECT_EQ(supervisor_->status("a")->restarts, 0);
    for (const Transition& one : since("a")) {
      EXPECT_NE(one.current, EntryState::kCrashed);
      EXPECT_NE(one.current, EntryState::kStopped);
    }
    EXPECT_NE(stateOf("off"), EntryState::kRunning);
  }

  /// The engine took its containers along.
  void expectStartedAgain() {
    EXPECT_TRUE(eventually([this] { return runs("a") && runs("b"); }));
    expectAgreementInTwoSeconds();
    for (const auto* name : {"a", "b"}) {
      EXPECT_EQ(supervisor_->status(name)->restarts, 0);
      EXPECT_EQ(since(name).back().reason, Reason::kRestored);
    }
    EXPECT_EQ(stateOf("off"), EntryState::kStopped);
  }

  std::vector<Transition> since(const std::string& name) {
    std::vector<Transition> all = observer_.transitions();
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(from_));
    std::erase_if(all, [&](const Transition& one) { return one.entry != name; });
    return all;
  }

  static inline int count_ = 0;
  const std::string directory_;
  EngineProcess daemon_;
  const test_support::TempDir state_;
  const test_support::TempDir ticks_;
  RecordingObserver observer_;
  std::shared_ptr<ContainerRuntime> runtime_;
  std::unique_ptr<Supervisor> supervisor_;
  ContainerInfo before_;
  std::size_t from_ = 0;
};

}  // namespace control::test

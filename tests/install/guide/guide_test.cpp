#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <libcontrol/supervisor.h>
#include <libcontrol/testing/matchers.h>
#include <libcontrol/testing/mock_container_runtime.h>
#include <libcontrol/testing/mock_engine.h>

namespace {

using namespace control;
using namespace control::testing;
using namespace std::chrono_literals;
using ::testing::_;
using ::testing::Field;
using ::testing::Return;

TEST(Web, IsKilledWhenItDoesNotHeedTheSignal) {
  MockEngine engine;
  const auto web = valueOf(engine->run(
      {.name = "web", .image = "example/web:1", .labels = {{"mock.ignore_signals", "TERM"}}}, {}));
  const TimePoint before = engine.clock().now();

  EXPECT_THAT(engine->stop(web.id, {.timeout = 30s}, {}),
              IsOkAnd(Field(&StopReport::outcome, StopOutcome::kKilled)));
  EXPECT_EQ(engine.clock().now() - before, 30s);
}

TEST(Web, ShowsTheMatchers) {
  MockEngine engine;
  EXPECT_THAT(engine->info({}), IsOk());
  EXPECT_THAT(engine->remove({"nobody"}, {}, {}), IsOkAnd(RemoveOutcome::kAbsent));
  EXPECT_THAT(engine->inspect({"nobody"}, {}), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(engine->start({"nobody"}, {}), FailsWith(ErrorCode::kNotFound, Effect::kNone));

  const auto job =
      valueOf(engine->run({.image = "example/job:1", .command = {"echo", "hello"}}, {}));
  const auto log = valueOf(engine->logs(job.id, {}, {}));
  EXPECT_THAT(log->next({}), IsItem(Field(&Output::bytes, "hello\n")));
  EXPECT_THAT(log->next({}), IsEnd());
}

TEST(Web, DiesWhileSomebodyWaitsForIt) {
  MockEngine engine;
  const auto web = valueOf(engine->run({.name = "web", .image = "example/web:1"}, {}));
  engine.clock().schedule(engine.clock().now() + 3h,
                          [&] { EXPECT_THAT(engine.control().crash(web.id, 3), IsOk()); });

  EXPECT_THAT(engine->wait(web.id, engine.within(24h)), IsOkAnd(Field(&ExitStatus::exit_code, 3)));
}

TEST(Web, IsWaitedForThroughAnOutage) {
  MockEngine engine;
  const auto web = valueOf(engine->run(
      {.name = "web", .image = "example/web:1", .labels = {{"mock.run_for", "1h"}}}, {}));
  engine.clock().schedule(engine.clock().now() + 10min, [&] { engine.control().engineDown(true); });

  EXPECT_THAT(engine->wait(web.id, {}), FailsWith(ErrorCode::kUnavailable));
  engine.control().engineDown(false);
  EXPECT_THAT(engine->wait(web.id, {}), IsOkAnd(Field(&ExitStatus::exit_code, 0)));
}

TEST(Web, IsCreatedThoughTheAnswerIsLost) {
  MockEngine engine;
  engine.control().failNext(Primitive::kCreate,
                            {.code = ErrorCode::kUnavailable, .effect = Effect::kUnknown});

  EXPECT_THAT(engine->create({.name = "web", .image = "example/web:1"}, {}),
              FailsWith(ErrorCode::kUnavailable, Effect::kUnknown));
}

TEST(Web, LivesThroughAScenario) {
  MockEngine engine({.scenario = GUIDE_FOLDER "/outage.json"});

  ASSERT_THAT(engine->create({.name = "web", .image = "example/web:1"}, {}), IsOk());
  EXPECT_THAT(engine->start({"web"}, {}), FailsWith(ErrorCode::kUnavailable, Effect::kUnknown));
  EXPECT_THAT(engine->inspect({"web"}, {}),
              IsOkAnd(Field(&ContainerInfo::state, ContainerState::kRunning)));

  EXPECT_THAT(engine->wait({"db"}, {}), FailsWith(ErrorCode::kUnavailable));
  engine.clock().advance(8min);
  EXPECT_THAT(engine->info({}), IsOk());
}

// ---- A program with threads of its own ----

class Recorder : public SupervisorObserver {
 public:
  int timesSeen(EntryState state) const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count(states_.begin(), states_.end(), state));
  }

  void onTransition(const Transition& transition) override {
    const std::lock_guard lock(mutex_);
    states_.push_back(transition.current);
  }
  void onOperationEnd(const OperationEnd&) override {}
  void onPullProgress(const std::string&, const std::string&, const std::string&,
                      const PullProgress&) override {}
  void onStats(const std::vector<EntryStatus>&) override {}
  void onEngine(bool, const std::string&) override {}

 private:
  mutable std::mutex mutex_;
  std::vector<EntryState> states_;
};

TEST(Servers, ComeBackAfterACrash) {
  MockEngine engine({.time = MockEngineOptions::Time::kByHand});
  Recorder recorder;
  Supervisor supervisor(engine.runtime(), {}, recorder);
  supervisor.open({});

  const RestartPolicy policy{.mode = RestartPolicy::Mode::kOnFailure};
  ASSERT_THAT(
      supervisor.create("web",
                        {.container = {.image = "example/web:1"}, .restart = policy, .start = true},
                        "op-1"),
      IsOk());
  ASSERT_TRUE(
      engine.clock().advanceUntil([&] { return recorder.timesSeen(EntryState::kRunning) == 1; }));

  ASSERT_THAT(engine.control().crash({"control-web"}, 3), IsOk());
  EXPECT_TRUE(
      engine.clock().advanceUntil([&] { return recorder.timesSeen(EntryState::kRunning) == 2; }));
  EXPECT_EQ(recorder.timesSeen(EntryState::kCrashed), 1);
}

// ---- gmock ----

TEST(Web, IsAskedToEndAndNotKilled) {
  MockContainerRuntime runtime;
  const ContainerId web{"web"};
  auto watch = std::make_unique<MockExitWatch>();
  EXPECT_CALL(*watch, noticed).WillOnce(Return(ExitStatus{.exit_code = 0}));
  EXPECT_CALL(*watch, exited).WillOnce(Return(ExitStatus{.exit_code = 0}));
  EXPECT_CALL(runtime, inspect)
      .WillOnce(Return(ContainerInfo{.id = web, .state = ContainerState::kRunning}));
  EXPECT_CALL(runtime, watchExit).WillOnce(Give(std::move(watch)));
  EXPECT_CALL(runtime, signal(web, Signal::interrupt(), _))
      .WillOnce(Return(SignalOutcome::kDelivered));

  EXPECT_THAT(runtime.stop(web, {.signal = Signal::interrupt()}, {}),
              IsOkAnd(Field(&StopReport::outcome, StopOutcome::kStopped)));
}

}  // namespace

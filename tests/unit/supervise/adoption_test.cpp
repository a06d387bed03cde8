#include <gmock/gmock.h>

#include "supervisor_on_mock.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using test::serverThat;
using test::SupervisorTest;

TEST_F(SupervisorTest, RestartedDaemonAdoptsWhatRuns) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(supervisor_->create("b", serverThat(), "op"));
  ASSERT_TRUE(observer_.waitForEnd("op"));
  const auto before = runtime_->inspect(idOf("a"), {});
  const std::size_t from = observer_.position();
  restart();
  const auto adopted = observer_.waitFor("a", EntryState::kRunning, from);
  ASSERT_TRUE(adopted);
  EXPECT_EQ(adopted->reason, Reason::kAdopted);
  EXPECT_TRUE(observer_.waitFor("b", EntryState::kCreated, from));
  const auto after = runtime_->inspect(idOf("a"), {});
  EXPECT_EQ(after->pid, before->pid);
  EXPECT_EQ(after->started_at, before->started_at);
}

TEST_F(SupervisorTest, AdoptedServerIsWatchedAndKeepsItsPolicy) {
  auto spec = serverThat();
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure, .max_retries = 1};
  createAndStart("a", spec);
  restart();
  const std::size_t from = observer_.position();
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kCrashed, from));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kRunning, from)) << "it was to be restarted once";
}

TEST_F(SupervisorTest, DestroyingTheSupervisorWithAStopPendingKillsNothing) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  const ContainerId id = idOf("a");
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1h}, "op"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopping));
  supervisor_.reset();
  ASSERT_TRUE(observer_.waitForEnd("op")->error);
  EXPECT_EQ(runtime_->inspect(id, {})->state, ContainerState::kRunning);
}

TEST_F(SupervisorTest, ContainerRemovedBehindOurBackIsTold) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(runtime_->remove(idOf("a"), {.force = true}, {}));
  const auto gone = observer_.waitFor("a", EntryState::kFailed);
  ASSERT_TRUE(gone);
}

TEST_F(SupervisorTest, EngineLostIsUnknownAndFoundAgainIsAdopted) {
  createAndStart("a", serverThat());
  const std::size_t from = observer_.position();
  engine().engineDown(true);
  const auto lost = observer_.waitFor("a", EntryState::kUnknown, from);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->reason, Reason::kEngineLost);
  EXPECT_FALSE(supervisor_->engineReachable());
  engine().engineDown(false);
  const auto found = observer_.waitFor("a", EntryState::kRunning, from);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->reason, Reason::kAdopted);
  EXPECT_TRUE(supervisor_->engineReachable());
}

TEST_F(SupervisorTest, ContainerMadeByOthersWithOurLabelsIsAdopted) {
  ContainerSpec spec;
  spec.name = "control-z";
  spec.image = "example/game:1";
  spec.labels = {{"libcontrol.managed", "true"}, {"libcontrol.entry", "z"}};
  const auto running = runtime_->run(spec, {});
  ASSERT_TRUE(running);
  EXPECT_TRUE(observer_.waitFor("z", EntryState::kRunning));
}

TEST_F(SupervisorTest, ContainerOfAnotherSupervisorIsLeftAlone) {
  const auto openAs = [&](const std::string& owner, test::RecordingObserver& observer) {
    auto supervisor = std::make_unique<Supervisor>(
        runtime_, SupervisorOptions{.owner_label = {"owner", owner}, .stats_interval = 0s},
        observer);
    supervisor->open(CallContext::within(5s));
    return supervisor;
  };
  test::RecordingObserver first_observer;
  test::RecordingObserver second_observer;
  const auto first = openAs("first", first_observer);
  const auto second = openAs("second", second_observer);
  ASSERT_TRUE(first->create("a", serverThat(), "op-1"));
  ASSERT_FALSE(first_observer.waitForEnd("op-1")->error);
  ASSERT_TRUE(second->create("b", serverThat(), "op-2"));
  ASSERT_FALSE(second_observer.waitForEnd("op-2")->error);
  EXPECT_EQ(second->status("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(openAs("second", second_observer)->list().size(), 1U);
  // Who does not ask whose they are takes them all.
  restart();
  EXPECT_EQ(supervisor_->list().size(), 2U);
}

}  // namespace
}  // namespace control

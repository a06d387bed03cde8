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
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kFailed));
  // Its end, which came first, was told as a crash.
  EXPECT_TRUE(test::eventually(
      [&] { return observer_.transitions("a").back().reason == Reason::kRemoved; }));
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

/// A container of somebody else's that has the name which ours would have.
class TakenName : public SupervisorTest {
 protected:
  /// `labels`: none, or those of a supervisor of another owner.
  void take(std::map<std::string, std::string> labels) {
    ContainerSpec spec;
    spec.name = "control-a";
    spec.image = "example/game:1";
    spec.labels = std::move(labels);
    const auto running = runtime_->run(spec, {});
    ASSERT_TRUE(running);
    theirs_ = running->id;
    supervisor_.reset();
    supervisor_ = std::make_unique<Supervisor>(
        runtime_, SupervisorOptions{.owner_label = {"owner", "us"}, .stats_interval = 0s},
        observer_);
    supervisor_->open(CallContext::within(5s));
  }
  Error created() {
    EXPECT_TRUE(supervisor_->create("a", serverThat(), "create"));
    const auto end = observer_.waitForEnd("create");
    EXPECT_TRUE(end && end->error);
    return end && end->error ? *end->error : Error{};
  }
  /// Whatever the supervisor looks at, it is not this.
  void expectLeftAlone() {
    EXPECT_FALSE(supervisor_->status("a")->container);
    EXPECT_TRUE(supervisor_->remove("a", "remove"));
    EXPECT_TRUE(observer_.waitForEnd("remove"));
    const auto info = runtime_->inspect(theirs_, {});
    ASSERT_TRUE(info);
    EXPECT_TRUE(info->running());
  }

  ContainerId theirs_{};
};

TEST_F(TakenName, IsNotTakenOverWhenTheEngineComesBack) {
  for (const std::map<std::string, std::string>& labels :
       {std::map<std::string, std::string>{},
        {{"libcontrol.managed", "true"}, {"libcontrol.entry", "a"}, {"owner", "them"}}}) {
    if (theirs_.value.size() > 0) {
      ASSERT_TRUE(runtime_->remove(theirs_, {.force = true}, {}));
    }
    take(labels);
    EXPECT_EQ(created().code, ErrorCode::kAlreadyExists);
    const std::size_t from = observer_.position();
    engine().engineDown(true);
    ASSERT_TRUE(observer_.waitFor("a", EntryState::kUnknown, from));
    engine().engineDown(false);
    ASSERT_TRUE(observer_.waitFor("a", EntryState::kFailed, from));
    expectLeftAlone();
  }
}

TEST_F(TakenName, IsNotWhatALostAnswerWasAbout) {
  take({{"libcontrol.managed", "true"}, {"libcontrol.entry", "a"}, {"owner", "them"}});
  ASSERT_TRUE(engine().inject({.when = {.primitive = testing::Primitive::kCreate, .times = 1},
                               .then = {.drop_connection = testing::CallPhase::kBefore}}));
  EXPECT_EQ(created().effect, Effect::kUnknown);
  expectLeftAlone();
}

}  // namespace
}  // namespace control

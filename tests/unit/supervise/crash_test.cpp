#include <gmock/gmock.h>

#include <thread>

#include "supervisor_on_mock.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using test::serverThat;
using test::SupervisorTest;

TEST_F(SupervisorTest, RestartIsANewRun) {
  createAndStart("a", serverThat());
  const auto before = supervisor_->status("a");
  ASSERT_TRUE(supervisor_->restart("a", {}, "op"));
  ASSERT_FALSE(observer_.waitForEnd("op")->error);
  const auto after = supervisor_->status("a");
  EXPECT_EQ(after->state, EntryState::kRunning);
  EXPECT_NE(after->started_at, before->started_at);
}

TEST_F(SupervisorTest, CrashIsToldWithItsExitCode) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  const auto crashed = observer_.waitFor("a", EntryState::kCrashed);
  ASSERT_TRUE(crashed);
  EXPECT_EQ(crashed->reason, Reason::kCrashed);
  EXPECT_EQ(crashed->exit->exit_code, 3);
  EXPECT_TRUE(crashed->operation_id.empty());
  // Nobody wants it restarted: that is where it stays.
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kFailed));
}

TEST_F(SupervisorTest, OomKillIsToldApartFromACrash) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(engine().oom(idOf("a")));
  const auto crashed = observer_.waitFor("a", EntryState::kCrashed);
  ASSERT_TRUE(crashed);
  EXPECT_EQ(crashed->reason, Reason::kOomKilled);
  EXPECT_EQ(crashed->exit->oom_killed, true);
}

TEST_F(SupervisorTest, ExitWithCodeZeroIsNoCrash) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(engine().crash(idOf("a"), 0));
  const auto stopped = observer_.waitFor("a", EntryState::kStopped);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kExited);
}

TEST_F(SupervisorTest, CrashIsRestartedUntilTheRetriesAreUsedUp) {
  auto spec = serverThat({{"mock.run_for", "5ms"}, {"mock.exit_code", "3"}});
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure, .max_retries = 2, .first_delay = 1ms};
  createAndStart("a", spec);
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kFailed));
  std::size_t runs = 0;
  for (const EntryState state : observer_.states("a"))
    runs += state == EntryState::kRunning ? 1 : 0;
  EXPECT_EQ(runs, 3U);
  EXPECT_EQ(supervisor_->status("a")->restarts, 2);
}

TEST_F(SupervisorTest, RestartThatAnEngineInTroubleRefusesIsTriedAgainWithoutCounting) {
  auto spec = serverThat();
  spec.restart = {.mode = RestartPolicy::Mode::kAlways, .max_retries = 1, .first_delay = 1ms};
  createAndStart("a", spec);
  engine().failNext(testing::Primitive::kStart,
                    {.code = ErrorCode::kUnavailable, .message = "shutting down"}, 2);
  const std::size_t from = observer_.position();
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kRunning, from));
  EXPECT_EQ(supervisor_->status("a")->restarts, 1);
}

TEST_F(SupervisorTest, RestartThatFallsDueWhileTheEngineIsLostIsMadeAfterwards) {
  auto spec = serverThat();
  spec.restart = {.mode = RestartPolicy::Mode::kAlways, .first_delay = 300ms};
  createAndStart("a", spec);
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kCrashed));
  const auto due = std::chrono::steady_clock::now() + 400ms;
  engine().engineDown(true);
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kUnknown));
  const std::size_t from = observer_.position();
  std::this_thread::sleep_until(due);
  engine().engineDown(false);
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kRunning, from));
}

TEST_F(SupervisorTest, StopCallsOffAPlannedRestart) {
  auto spec = serverThat();
  spec.restart = {.mode = RestartPolicy::Mode::kAlways, .first_delay = 20ms};
  createAndStart("a", spec);
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kCrashed));
  const std::size_t from = observer_.position();
  ASSERT_TRUE(supervisor_->stop("a", {}, "op"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopped, from));
  // Another entry that crashes now is restarted later than "a" would have been.
  createAndStart("b", spec);
  ASSERT_TRUE(engine().crash(idOf("b"), 3));
  ASSERT_TRUE(observer_.waitFor("b", EntryState::kStarting, observer_.position()) ||
              observer_.waitFor("b", EntryState::kRunning));
  EXPECT_EQ(supervisor_->status("a")->state, EntryState::kStopped);
}

TEST_F(SupervisorTest, FailedStartIsToldWithTheTrueState) {
  ASSERT_TRUE(supervisor_->create("a", serverThat({{"mock.start_error", "no such file"}}), "op-1"));
  ASSERT_TRUE(supervisor_->start("a", "op-2"));
  const auto end = observer_.waitForEnd("op-2");
  ASSERT_TRUE(end);
  ASSERT_TRUE(end->error);
  EXPECT_EQ(end->error->code, ErrorCode::kStartFailed);
  const auto transitions = observer_.transitions("a");
  EXPECT_EQ(transitions.back().failed, OperationKind::kStart);
  EXPECT_EQ(transitions.back().current, EntryState::kCreated);
  EXPECT_EQ(transitions.back().reason, Reason::kStartFailed);
}

TEST_F(SupervisorTest, ServerThatRunsAfterAFailedStartIsWatched) {
  ASSERT_TRUE(supervisor_->create("a", serverThat(), "create"));
  ASSERT_TRUE(observer_.waitForEnd("create"));
  // The first look at what was started; the second tells how it stands.
  engine().failNext(testing::Primitive::kInspect,
                    {.code = ErrorCode::kUnavailable, .message = "the engine restarts"});
  ASSERT_TRUE(supervisor_->start("a", "start"));
  ASSERT_TRUE(observer_.waitForEnd("start")->error);
  EXPECT_EQ(supervisor_->status("a")->state, EntryState::kRunning);
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kCrashed));
}

}  // namespace
}  // namespace control

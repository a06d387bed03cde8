#include <gmock/gmock.h>

#include <thread>

#include "supervisor_on_mock.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using test::serverThat;
using test::SupervisorTest;

TEST_F(SupervisorTest, GracefulStopReportsTheExit) {
  createAndStart("a", serverThat({{"mock.on_signal.INT", "exit:42"}}));
  ASSERT_TRUE(supervisor_->stop("a", {.signal = Signal::interrupt(), .timeout = 10s}, "op"));
  const auto stopped = observer_.waitFor("a", EntryState::kStopped);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kStoppedGracefully);
  EXPECT_EQ(stopped->operation_id, "op");
  ASSERT_TRUE(stopped->exit);
  EXPECT_EQ(stopped->exit->exit_code, 42);
  EXPECT_FALSE(observer_.waitForEnd("op")->error);
}

TEST_F(SupervisorTest, StopOfWhatIgnoresTheSignalKillsAfterTheTimeout) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 100ms}, "op"));
  const auto stopped = observer_.waitFor("a", EntryState::kStopped);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kKilledAfterTimeout);
  EXPECT_EQ(stopped->exit->exit_code, 137);
}

TEST_F(SupervisorTest, KillSaysKilled) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(supervisor_->kill("a", "op"));
  EXPECT_EQ(observer_.waitFor("a", EntryState::kStopped)->reason, Reason::kKilled);
}

TEST_F(SupervisorTest, StopAfterOneThatSentNothingSendsTheSignalAndKeepsItsTime) {
  createAndStart("a", serverThat({{"mock.on_signal.TERM", "exit:42"}}));
  engine().failNext(testing::Primitive::kInspect,
                    {.code = ErrorCode::kUnavailable, .message = "the engine restarts"});
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1ms}, "op-1"));
  ASSERT_TRUE(observer_.waitForEnd("op-1")->error);
  const auto over = runtime_->clock().now() + 1ms;
  while (runtime_->clock().now() < over) std::this_thread::yield();
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 10s}, "op-2"));
  ASSERT_FALSE(observer_.waitForEnd("op-2")->error);
  const auto stopped = observer_.waitFor("a", EntryState::kStopped);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kStoppedGracefully);
  EXPECT_EQ(stopped->exit->exit_code, 42);
}

TEST_F(SupervisorTest, CrashAfterAStopThatSentNothingIsACrash) {
  createAndStart("a", serverThat());
  engine().failNext(testing::Primitive::kInspect,
                    {.code = ErrorCode::kUnavailable, .message = "the engine restarts"});
  ASSERT_TRUE(supervisor_->stop("a", {}, "op"));
  ASSERT_TRUE(observer_.waitForEnd("op")->error);
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kCrashed));
}

TEST_F(SupervisorTest, WhatEndsAnEntryIsNeverOneTooMany) {
  createAndStart("a", serverThat());
  const ContainerId id = idOf("a");
  ASSERT_TRUE(engine().setHung(id, true));
  const auto update = [&](const std::string& operation) {
    return supervisor_->update("a", {.limits = {.pids = 100}, .respec = {}}, operation);
  };
  ASSERT_TRUE(update("first"));
  while (!isAsked(testing::Primitive::kUpdate) && !isAsked(testing::Primitive::kInspect))
    std::this_thread::yield();
  for (std::size_t i = 0; i < SupervisorOptions().queue_limit; ++i)
    ASSERT_TRUE(update("update-" + std::to_string(i)));
  const auto refused = update("too many");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(supervisor_->stop("a", {}, "stop"));
  EXPECT_TRUE(supervisor_->kill("a", "kill"));
  EXPECT_TRUE(supervisor_->remove("a", "remove"));
  ASSERT_TRUE(engine().setHung(id, false));
  for (const char* operation : {"stop", "kill", "remove"}) {
    const auto end = observer_.waitForEnd(operation);
    ASSERT_TRUE(end) << operation;
    EXPECT_FALSE(end->error) << operation << ": " << end->error->message;
  }
}

TEST_F(SupervisorTest, KillDoesNotWaitForALookThatIsNotAnswered) {
  createAndStart("a", serverThat());
  engine().engineDown(true);
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kUnknown));
  ASSERT_TRUE(engine().inject({.when = {.primitive = testing::Primitive::kInspect, .times = 1},
                               .then = {.hang = testing::CallPhase::kAfter}}));
  engine().engineDown(false);
  while (!isAsked(testing::Primitive::kInspect)) std::this_thread::yield();
  ASSERT_TRUE(supervisor_->kill("a", "kill"));
  const auto end = observer_.waitForEnd("kill");
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->error) << end->error->message;
  EXPECT_LT(end->elapsed, 5s);
}

TEST_F(SupervisorTest, StopThatOvertakesARestartBeforeItsSignalSendsIt) {
  createAndStart("a", serverThat({{"mock.on_signal.TERM", "exit:42"}}));
  const ContainerId id = idOf("a");
  ASSERT_TRUE(engine().setHung(id, true));
  ASSERT_TRUE(supervisor_->restart("a", {.timeout = 5s}, "restart"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kRestarting));
  while (!isAsked(testing::Primitive::kInspect)) std::this_thread::yield();
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 5s}, "stop"));
  ASSERT_TRUE(observer_.waitForEnd("restart"));
  ASSERT_TRUE(engine().setHung(id, false));
  ASSERT_FALSE(observer_.waitForEnd("stop")->error);
  EXPECT_EQ(observer_.waitFor("a", EntryState::kStopped)->reason, Reason::kStoppedGracefully);
}

TEST_F(SupervisorTest, StopOfStoppedSucceeds) {
  ASSERT_TRUE(supervisor_->create("a", serverThat(), "op-1"));
  ASSERT_TRUE(supervisor_->stop("a", {}, "op-2"));
  const auto end = observer_.waitForEnd("op-2");
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->error);
}

TEST_F(SupervisorTest, StopOfWhatIsDownTellsNothingNewOfIt) {
  createAndStart("a", serverThat({{"mock.on_signal.TERM", "exit:0"}}));
  ASSERT_TRUE(supervisor_->stop("a", {}, "first"));
  ASSERT_TRUE(observer_.waitForEnd("first"));
  const std::size_t before = observer_.position();
  ASSERT_TRUE(supervisor_->stop("a", {}, "second"));
  ASSERT_TRUE(supervisor_->kill("a", "third"));
  ASSERT_FALSE(observer_.waitForEnd("second")->error);
  ASSERT_FALSE(observer_.waitForEnd("third")->error);
  EXPECT_EQ(observer_.position(), before);
  EXPECT_EQ(supervisor_->status("a")->reason, Reason::kStoppedGracefully);
  EXPECT_TRUE(supervisor_->status("a")->started_at);
}

TEST_F(SupervisorTest, StopOfOneThatCrashedSaysWhyItIsDown) {
  EntrySpec spec = serverThat();
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure, .first_delay = 1h, .longest_delay = 1h};
  createAndStart("a", spec);
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kCrashed));
  ASSERT_TRUE(supervisor_->stop("a", {}, "stop"));
  ASSERT_FALSE(observer_.waitForEnd("stop")->error);
  EXPECT_EQ(observer_.transitions("a").back().previous, EntryState::kCrashed);
  EXPECT_EQ(supervisor_->status("a")->state, EntryState::kStopped);
  EXPECT_EQ(supervisor_->status("a")->reason, Reason::kCrashed);
  EXPECT_EQ(supervisor_->status("a")->exit->exit_code, 3);
}

/// Somebody else started it, and that was not told yet.
TEST_F(SupervisorTest, StopOfWhatOnlySeemsToBeDownStopsIt) {
  createAndStart("a", serverThat({{"mock.on_signal.TERM", "exit:0"}}));
  ASSERT_TRUE(supervisor_->stop("a", {}, "first"));
  ASSERT_TRUE(observer_.waitForEnd("first"));
  const std::size_t before = observer_.position();
  ASSERT_TRUE(runtime_->start(idOf("a"), {}));
  ASSERT_TRUE(supervisor_->stop("a", {}, "second"));
  ASSERT_FALSE(observer_.waitForEnd("second")->error);
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kStopping, before));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kStopped, before));
  EXPECT_FALSE(runtime_->inspect(idOf("a"), {})->running());
}

TEST_F(SupervisorTest, ServersNeverWaitForEachOther) {
  for (const auto* name : {"a", "b", "c", "d", "e"}) {
    createAndStart(name, serverThat({{"mock.ignore_signals", "TERM"}}));
    ASSERT_TRUE(supervisor_->stop(name, {.timeout = 1h}, std::string("stop-") + name));
  }
  createAndStart("f", serverThat());
  ASSERT_TRUE(supervisor_->stop("f", {.timeout = 1h}, "stop-f"));
  EXPECT_TRUE(observer_.waitForEnd("stop-f"));
  EXPECT_EQ(supervisor_->status("a")->state, EntryState::kStopping);
}

TEST_F(SupervisorTest, HungContainerHoldsUpNobodyElse) {
  createAndStart("a", serverThat());
  createAndStart("b", serverThat());
  ASSERT_TRUE(engine().setHung(idOf("a"), true));
  ASSERT_TRUE(supervisor_->stop("a", {}, "stop-a"));
  ASSERT_TRUE(supervisor_->stop("b", {}, "stop-b"));
  EXPECT_TRUE(observer_.waitForEnd("stop-b"));
  EXPECT_EQ(observer_.endsOf("stop-a"), 0U);
  ASSERT_TRUE(engine().setHung(idOf("a"), false));
}

TEST_F(SupervisorTest, SecondStopShortensTheFirst) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1h}, "op-1"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopping));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 50ms}, "op-2"));
  ASSERT_TRUE(observer_.waitForEnd("op-1"));
  ASSERT_TRUE(observer_.waitForEnd("op-2"));
  EXPECT_EQ(observer_.waitFor("a", EntryState::kStopped)->reason, Reason::kKilledAfterTimeout);
}

TEST_F(SupervisorTest, SecondStopNeverLengthensTheFirst) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 300ms}, "op-1"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopping));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1h}, "op-2"));
  EXPECT_TRUE(observer_.waitForEnd("op-2"));
}

TEST_F(SupervisorTest, KillEndsAStopThatWaits) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1h}, "op-1"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopping));
  ASSERT_TRUE(supervisor_->kill("a", "op-2"));
  const auto stopped = observer_.waitFor("a", EntryState::kStopped);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kKilled);
}

TEST_F(SupervisorTest, StopHastensADelete) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1h}, "stop"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopping));
  ASSERT_TRUE(supervisor_->remove("a", "delete"));
  EXPECT_EQ(supervisor_->start("a", "start").error().code, ErrorCode::kWrongState);
  ASSERT_TRUE(supervisor_->kill("a", "kill"));
  for (const auto* id : {"stop", "kill", "delete"})
    EXPECT_FALSE(observer_.waitForEnd(id)->error) << id;
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kDeleted));
}

TEST_F(SupervisorTest, KillEndsADeleteThatWaitsForTheServer) {
  EntrySpec spec = serverThat({{"mock.ignore_signals", "TERM"}});
  spec.container.stop_timeout = 1h;
  createAndStart("a", spec);
  ASSERT_TRUE(supervisor_->remove("a", "delete"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kDeleting));
  ASSERT_TRUE(supervisor_->kill("a", "kill"));
  for (const auto* id : {"kill", "delete"}) EXPECT_FALSE(observer_.waitForEnd(id)->error) << id;
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kDeleted));
}

TEST_F(SupervisorTest, StopJoinsADeleteThatHasNotBegun) {
  EntrySpec spec = serverThat({{"mock.ignore_signals", "TERM"}});
  spec.container.stop_timeout = 1h;
  createAndStart("a", spec);
  const ContainerId id = idOf("a");
  ASSERT_TRUE(engine().setHung(id, true));
  ASSERT_TRUE(supervisor_->update("a", {}, "update"));
  while (!isAsked(testing::Primitive::kInspect)) std::this_thread::yield();
  ASSERT_TRUE(supervisor_->remove("a", "delete"));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 50ms}, "stop"));
  ASSERT_TRUE(engine().setHung(id, false));
  for (const auto* end : {"delete", "stop"}) EXPECT_FALSE(observer_.waitForEnd(end)->error) << end;
}

TEST_F(SupervisorTest, KillEndsAStopThatHasNotBegun) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  const ContainerId id = idOf("a");
  ASSERT_TRUE(engine().setHung(id, true));
  ASSERT_TRUE(supervisor_->update("a", {}, "update"));
  while (!isAsked(testing::Primitive::kInspect)) std::this_thread::yield();
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1h}, "stop"));
  ASSERT_TRUE(supervisor_->kill("a", "kill"));
  ASSERT_TRUE(engine().setHung(id, false));
  EXPECT_TRUE(observer_.waitForEnd("stop"));
  EXPECT_TRUE(observer_.waitForEnd("kill"));
  EXPECT_EQ(observer_.waitFor("a", EntryState::kStopped)->reason, Reason::kKilled);
}

TEST_F(SupervisorTest, StopOvertakesStartsThatWait) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->restart("a", {.timeout = 1h}, "restart"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kRestarting));
  ASSERT_TRUE(supervisor_->start("a", "start"));
  ASSERT_TRUE(supervisor_->kill("a", "kill"));
  for (const auto* overtaken : {"restart", "start"}) {
    const auto end = observer_.waitForEnd(overtaken);
    ASSERT_TRUE(end) << overtaken;
    ASSERT_TRUE(end->error) << overtaken;
    EXPECT_EQ(end->error->code, ErrorCode::kCancelled);
    EXPECT_EQ(end->error->message, "a later stop, kill or delete overtook it");
  }
  ASSERT_TRUE(observer_.waitForEnd("kill"));
  EXPECT_EQ(supervisor_->status("a")->state, EntryState::kStopped);
}

}  // namespace
}  // namespace control

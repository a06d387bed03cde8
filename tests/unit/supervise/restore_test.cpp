// What is wanted, beyond the life of the supervisor, of the engine and of the host.

#include <atomic>
#include <fstream>

#include "kept_state.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::Primitive;

class Restored : public test::KeptState {};

TEST_F(Restored, RunningServersComeBackAfterAReboot) {
  open();
  createAndStart("runs");
  createAndStart("stopped");
  create("never-ran");
  stop("stopped");
  reboot();
  ASSERT_TRUE(becomesInTime("runs", EntryState::kRunning));
  const auto told = since("runs");
  EXPECT_EQ(told.back().reason, Reason::kRestored);
  for (const Transition& one : told) EXPECT_NE(one.current, EntryState::kCrashed);
  EXPECT_EQ(supervisor_->status("runs")->restarts, 0);
  EXPECT_TRUE(becomes("stopped", EntryState::kStopped));
  EXPECT_TRUE(becomes("never-ran", EntryState::kCreated));
}

TEST_F(Restored, RunningServersAreAdoptedWhenOnlyTheDaemonWasDown) {
  open();
  createAndStart("a");
  const auto before = engine_->inspect(idOf("a"), {});
  close();
  from_ = observer_.position();
  open();
  EXPECT_EQ(stateOf("a"), EntryState::kRunning);
  EXPECT_EQ(since("a").back().reason, Reason::kAdopted);
  EXPECT_EQ(engine_->inspect(idOf("a"), {})->pid, before->pid);
  EXPECT_EQ(callsOf(Primitive::kStart), 1U);
}

TEST_F(Restored, WhatGaveUpStaysFailedWithItsReason) {
  open();
  createAndStart("a");
  createAndStart("b");
  ASSERT_TRUE(control().oom(idOf("a")));
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  reboot();
  ASSERT_TRUE(becomesInTime("b", EntryState::kRunning));
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  EXPECT_EQ(supervisor_->status("a")->reason, Reason::kOomKilled);
  // A start makes it wanted again.
  ASSERT_TRUE(supervisor_->start("a", "start"));
  ASSERT_FALSE(observer_.waitForEnd("start")->error);
  reboot();
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

TEST_F(Restored, AtMostFourAreStartedAtATime) {
  open();
  for (int i = 0; i < 12; ++i) createAndStart("s" + std::to_string(i));
  ASSERT_TRUE(
      control().inject({.when = {.primitive = Primitive::kStart}, .then = {.latency = 1s}}));
  reboot();
  const auto atATime = [&] {
    std::size_t now = 0;
    for (const testing::JournalEntry& one : control().journal())
      now += one.primitive == Primitive::kStart && !one.finished ? 1 : 0;
    return now;
  };
  EXPECT_TRUE(passUntil([&] { return atATime() > 0; }));
  // As time stands still now, four come however busy the machine is; a fifth would come as well.
  EXPECT_TRUE(eventually([&] { return atATime() == 4; })) << atATime();
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(atATime(), 4U);
  std::size_t most = 0;
  EXPECT_TRUE(passUntil([&] {
    most = std::max(most, atATime());
    std::size_t running = 0;
    for (int i = 0; i < 12; ++i)
      running += stateOf("s" + std::to_string(i)) == EntryState::kRunning ? 1 : 0;
    return running == 12;
  }));
  EXPECT_LE(most, 4U);
}

TEST_F(Restored, OneWhoseStartHangsHoldsUpNoOther) {
  open();
  for (int i = 0; i < 12; ++i) createAndStart("s" + std::to_string(i));
  ASSERT_TRUE(control().inject({.when = {.primitive = Primitive::kStart, .times = 5},
                                .then = {.hang = testing::CallPhase::kBefore}}));
  reboot();
  const auto sevenRun = [&] {
    std::size_t running = 0;
    for (int i = 0; i < 12; ++i)
      running += stateOf("s" + std::to_string(i)) == EntryState::kRunning ? 1 : 0;
    return running >= 7;
  };
  EXPECT_TRUE(clock().advanceUntil(sevenRun, 100ms, 55s));
}

TEST_F(Restored, StopCallsItOff) {
  open();
  for (int i = 0; i < 6; ++i) createAndStart("s" + std::to_string(i));
  ASSERT_TRUE(control().inject(
      {.when = {.primitive = Primitive::kStart}, .then = {.hang = testing::CallPhase::kBefore}}));
  reboot();
  ASSERT_TRUE(passUntil([&] {
    std::size_t starting = 0;
    for (int i = 0; i < 6; ++i)
      starting += stateOf("s" + std::to_string(i)) == EntryState::kStarting ? 1 : 0;
    return starting == 4;
  }));
  for (int i = 0; i < 6; ++i)
    ASSERT_TRUE(supervisor_->stop("s" + std::to_string(i), {}, "off-" + std::to_string(i)));
  const auto allEnded = [&] {
    for (int i = 0; i < 6; ++i)
      if (observer_.endsOf("off-" + std::to_string(i)) == 0) return false;
    return true;
  };
  ASSERT_TRUE(passUntil(allEnded));
  clock().advance(1min);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(stateOf("s" + std::to_string(i)), EntryState::kStopped);
  reboot();
  ASSERT_TRUE(becomesInTime("s0", EntryState::kStopped));
}

TEST_F(Restored, PortThatIsTakenByThenFailsWithThatReason) {
  open();
  createAndStart("a");
  ASSERT_TRUE(control().inject(
      {.when = {.primitive = Primitive::kStart, .times = 1},
       .then = {.error = Error{.code = ErrorCode::kPortConflict, .message = "25565 is taken"}}}));
  reboot();
  ASSERT_TRUE(becomesInTime("a", EntryState::kFailed));
  const Transition told = since("a").back();
  EXPECT_EQ(told.reason, Reason::kPortConflict);
  ASSERT_TRUE(told.error);
  EXPECT_EQ(told.error->message, "25565 is taken");
}

TEST_F(Restored, DamagedFileIsKeptAsideAndNothingIsStarted) {
  open();
  createAndStart("a");
  close();
  control().engineRestart(true);
  std::ofstream(options_.state_file, std::ios::app) << "more";
  open();
  EXPECT_EQ(stateOf("a"), EntryState::kStopped);
  clock().advance(1min);
  EXPECT_EQ(callsOf(Primitive::kStart), 1U);
  ASSERT_EQ(observer_.problems().size(), 1U);
  EXPECT_THAT(observer_.problems().front(), HasSubstr("damaged"));
}

TEST_F(Restored, StateThatCannotBeWrittenHoldsUpNothing) {
  options_.state_file = directory_ / "not-there" / "servers";
  open();
  createAndStart("a");
  stop("a");
  EXPECT_TRUE(eventually([&] { return observer_.problems().size() == 1; }));
}

}  // namespace
}  // namespace control

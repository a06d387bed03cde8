// What is wanted, beyond the life of the supervisor, of the engine and of the host.

#include <atomic>
#include <fstream>

#include "kept_state.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
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

// ---- ends while nobody could see them ----

TEST_F(Restored, CrashWhileTheDaemonWasDownIsACrashIfOthersLiveOn) {
  open();
  createAndStart("a");
  createAndStart("b");
  const ContainerId id = idOf("a");
  close();
  ASSERT_TRUE(control().crash(id, 9));
  from_ = observer_.position();
  open();
  ASSERT_EQ(stateOf("a"), EntryState::kFailed);
  EXPECT_EQ(since("a").front().current, EntryState::kCrashed);
  EXPECT_EQ(since("a").front().exit->exit_code, 9);
}

TEST_F(Restored, ServerThatWasStoppedPastUsWhileTheDaemonWasDownIsStartedAgain) {
  open();
  createAndStart("a");
  createAndStart("b");
  const ContainerId id = idOf("a");
  close();
  ASSERT_TRUE(control().kill(id, Signal::term()));
  open();
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

TEST_F(Restored, StopThatTheDaemonDidNotSeeTheEndOfStaysAStop) {
  open();
  auto spec = server({{"mock.on_signal.TERM", "exit:1"}, {"mock.ignore_signals", "INT"}});
  spec.restart = {.mode = RestartPolicy::Mode::kAlways};
  createAndStart("a", spec);
  createAndStart("b");
  ASSERT_TRUE(supervisor_->stop("a", {.signal = Signal::interrupt(), .timeout = 1h}, "stop"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopping));
  ASSERT_TRUE(eventually([&] { return callsOf(Primitive::kSignal) == 1; }));
  reopen();
  ASSERT_EQ(stateOf("a"), EntryState::kRunning);
  ASSERT_TRUE(control().crash(idOf("a"), 1));
  EXPECT_TRUE(becomes("a", EntryState::kStopped));
  clock().advance(1min);
  EXPECT_EQ(stateOf("a"), EntryState::kStopped);
}

TEST_F(Restored, StopWhoseAnswerWasLostStaysAStop) {
  open();
  auto spec = server({{"mock.ignore_signals", "TERM"}});
  spec.restart = {.mode = RestartPolicy::Mode::kAlways};
  createAndStart("a", spec);
  control().failNext(Primitive::kSignal, {.code = ErrorCode::kUnavailable,
                                          .effect = Effect::kUnknown,
                                          .message = "the connection was lost"});
  ASSERT_TRUE(supervisor_->stop("a", {}, "stop"));
  ASSERT_TRUE(observer_.waitForEnd("stop")->error);
  ASSERT_EQ(stateOf("a"), EntryState::kRunning);
  ASSERT_TRUE(control().crash(idOf("a"), 1));
  ASSERT_TRUE(becomes("a", EntryState::kStopped));
  reboot();
  ASSERT_TRUE(becomesInTime("a", EntryState::kStopped));
  EXPECT_EQ(callsOf(Primitive::kStart), 1U);
}

TEST_F(Restored, StartThatCouldNotBeSeenIsWantedAllTheSame) {
  open();
  create("a");
  control().failNext(Primitive::kInspect, {.code = ErrorCode::kInternal}, 2);
  ASSERT_TRUE(supervisor_->start("a", "start"));
  ASSERT_TRUE(observer_.waitForEnd("start")->error);
  reboot();
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

TEST_F(Restored, CreatedServerIsStartedByTheNextDaemonWhenThisOneGotNoFurther) {
  open();
  ASSERT_TRUE(control().inject({.when = {.primitive = Primitive::kCreate, .times = 2},
                                .then = {.hang = testing::CallPhase::kAfter}}));
  EntrySpec spec = server();
  ASSERT_TRUE(supervisor_->create("rests", spec, "create-rests"));
  spec.start = true;
  ASSERT_TRUE(supervisor_->create("runs", spec, "create-runs"));
  ASSERT_TRUE(eventually([&] { return engine_->list({}, {})->size() == 2; }));
  reopen();
  EXPECT_TRUE(becomesInTime("runs", EntryState::kRunning));
  EXPECT_EQ(stateOf("rests"), EntryState::kCreated);
}

TEST_F(Restored, StartOfAServerThatCouldNotBeCreatedIsNotKept) {
  open();
  createAndStart("other");
  control().failNext(Primitive::kCreate, {.code = ErrorCode::kInternal});
  EntrySpec spec = server();
  spec.start = true;
  ASSERT_TRUE(supervisor_->create("a", spec, "failed"));
  ASSERT_TRUE(observer_.waitForEnd("failed")->error);
  close();
  ASSERT_TRUE(control().perform(
      {.kind = testing::EngineAction::Kind::kCreate, .spec = [] {
         ContainerSpec by_others = server().container;
         by_others.name = "control-a";
         by_others.labels = {{"libcontrol.managed", "true"}, {"libcontrol.entry", "a"}};
         return by_others;
       }()}));
  open();
  EXPECT_EQ(stateOf("a"), EntryState::kCreated);
  EXPECT_EQ(callsOf(Primitive::kStart), 1U);
}

TEST_F(Restored, StartWhoseAnswerWasLostIsWantedAllTheSame) {
  open();
  create("a");
  create("b");
  createAndStart("c");
  ASSERT_TRUE(control().inject({.when = {.primitive = Primitive::kStart, .times = 2},
                                .then = {.drop_connection = testing::CallPhase::kBefore}}));
  ASSERT_TRUE(supervisor_->start("a", "start"));
  ASSERT_EQ(observer_.waitForEnd("start")->error->effect, Effect::kUnknown);
  ASSERT_EQ(stateOf("a"), EntryState::kCreated);
  ASSERT_TRUE(supervisor_->restart("c", {}, "restart"));
  ASSERT_TRUE(observer_.waitForEnd("restart")->error);
  // One that the engine refused is not.
  control().failNext(Primitive::kStart, {.code = ErrorCode::kUnavailable, .message = "refused"});
  ASSERT_TRUE(supervisor_->start("b", "refused"));
  ASSERT_TRUE(observer_.waitForEnd("refused")->error);
  reboot();
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
  EXPECT_TRUE(becomesInTime("c", EntryState::kRunning));
  EXPECT_TRUE(becomes("b", EntryState::kCreated));
}

TEST_F(Restored, RestartThatWasDueIsNotCountedTwice) {
  open();
  auto spec = server();
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure, .max_retries = 1};
  createAndStart("a", spec);
  createAndStart("b");
  ASSERT_TRUE(control().crash(idOf("a"), 9));
  ASSERT_TRUE(becomes("a", EntryState::kCrashed));
  reopen();
  ASSERT_TRUE(becomesInTime("a", EntryState::kRunning));
  // That was the one it had.
  ASSERT_TRUE(control().crash(idOf("a"), 9));
  EXPECT_TRUE(becomes("a", EntryState::kFailed));
}

TEST_F(Restored, EndsThatTheEngineCausedAreTakenBackByTheNextDaemonToo) {
  open();
  createAndStart("a");
  ASSERT_TRUE(control().kill(idOf("a"), Signal::term()));
  ASSERT_TRUE(becomes("a", EntryState::kStopped));
  control().engineDown(true);
  // Within the minute.
  ASSERT_TRUE(
      clock().advanceUntil([&] { return stateOf("a") == EntryState::kUnknown; }, 50ms, 30s));
  const TimePoint lost = clock().now();
  ASSERT_TRUE(passUntil([&] { return clock().now() - lost >= 2min; }));
  reboot();
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

TEST_F(Restored, EndThatWasNotTheEnginesIsKeptAfterAMinute) {
  open();
  createAndStart("a");
  ASSERT_TRUE(control().kill(idOf("a"), Signal::term()));
  ASSERT_TRUE(becomes("a", EntryState::kStopped));
  const TimePoint ended = clock().now();
  ASSERT_TRUE(passUntil([&] { return clock().now() - ended >= 2min; }));
  reboot();
  ASSERT_TRUE(becomesInTime("a", EntryState::kStopped));
  EXPECT_EQ(callsOf(Primitive::kStart), 1U);
}

// ---- the engine, with and without its containers ----

TEST_F(Restored, EngineThatTakesItsServersAlongStartsThemAgainAndCountsNoCrash) {
  open();
  auto spec = server();
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure, .max_retries = 1};
  createAndStart("policy", spec);
  createAndStart("none");
  create("stopped");
  for (int i = 0; i < 3; ++i) {
    from_ = observer_.position();
    control().engineRestart(true);
    ASSERT_TRUE(passUntil([&] { return observer_.position() > from_; }));
    ASSERT_TRUE(becomesInTime("policy", EntryState::kRunning));
    ASSERT_TRUE(becomesInTime("none", EntryState::kRunning));
    EXPECT_EQ(supervisor_->status("policy")->restarts, 0);
  }
  EXPECT_THAT(observer_.states("policy"), Not(Contains(EntryState::kCrashed)));
  EXPECT_THAT(observer_.states("none"), Not(Contains(EntryState::kCrashed)));
  EXPECT_TRUE(becomes("stopped", EntryState::kCreated));
}

TEST_F(Restored, EndsThatTheEngineCausedBeforeItWentAreNoCrashesAfterAll) {
  open();
  createAndStart("a");
  // An engine that shuts down: it asks its containers to end, and goes when they have.
  ASSERT_TRUE(control().kill(idOf("a"), Signal::kill()));
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  clock().advance(5s);
  control().engineDown(true);
  ASSERT_TRUE(becomesInTime("a", EntryState::kUnknown));
  control().engineDown(false);
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

TEST_F(Restored, CrashLongBeforeTheEngineWentStaysACrash) {
  open();
  createAndStart("a");
  ASSERT_TRUE(control().crash(idOf("a"), 3));
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  clock().advance(10min);
  control().engineDown(true);
  ASSERT_TRUE(becomesInTime("a", EntryState::kUnknown));
  control().engineDown(false);
  EXPECT_TRUE(becomesInTime("a", EntryState::kFailed));
  EXPECT_EQ(supervisor_->status("a")->reason, Reason::kCrashed);
}

TEST_F(Restored, CrashWhileTheEngineWasLostIsACrashIfOthersLiveOn) {
  open();
  createAndStart("a");
  createAndStart("b");
  const ContainerId id = idOf("a");
  control().engineDown(true);
  ASSERT_TRUE(becomesInTime("a", EntryState::kUnknown));
  from_ = observer_.position();
  ASSERT_TRUE(control().crash(id, 9));
  control().engineDown(false);
  ASSERT_TRUE(becomesInTime("a", EntryState::kFailed));
  EXPECT_EQ(since("a").front().current, EntryState::kCrashed);
  EXPECT_EQ(since("a").front().exit->exit_code, 9);
}

}  // namespace
}  // namespace control

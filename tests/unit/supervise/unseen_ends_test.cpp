// Ends of servers while nobody could see them: the supervisor was down, or the engine lost.

#include "kept_state.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Not;
using testing::Primitive;

class UnseenEnds : public test::KeptState {};

TEST_F(UnseenEnds, CrashWhileTheDaemonWasDownIsACrashIfOthersLiveOn) {
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

TEST_F(UnseenEnds, ServerThatWasStoppedPastUsWhileTheDaemonWasDownIsStartedAgain) {
  open();
  createAndStart("a");
  createAndStart("b");
  const ContainerId id = idOf("a");
  close();
  ASSERT_TRUE(control().kill(id, Signal::term()));
  open();
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

TEST_F(UnseenEnds, ContainerThatWentWhileTheDaemonWasDownIsMissed) {
  open();
  createAndStart("a");
  createAndStart("b");
  create("c");
  const ContainerId ids[] = {idOf("a"), idOf("c")};
  close();
  for (const ContainerId& id : ids) ASSERT_TRUE(control().removeBehind(id));
  for (int run = 0; run < 2; ++run) {  // it is told each time until somebody deletes it
    from_ = observer_.position();
    reopen();
    for (const char* name : {"a", "c"}) {
      ASSERT_EQ(stateOf(name), EntryState::kFailed) << name;
      EXPECT_EQ(since(name).back().reason, Reason::kRemoved) << name;
    }
    EXPECT_EQ(stateOf("b"), EntryState::kRunning);
  }
  ASSERT_TRUE(supervisor_->remove("a", "remove"));
  ASSERT_FALSE(observer_.waitForEnd("remove")->error);
  ASSERT_TRUE(supervisor_->create("c", server(), "again"));
  ASSERT_FALSE(observer_.waitForEnd("again")->error);
  reopen();
  EXPECT_EQ(stateOf("a"), EntryState::kDeleted);
  EXPECT_EQ(stateOf("c"), EntryState::kCreated);
}

TEST_F(UnseenEnds, ServerThatWasNeverMadeIsNotMissed) {
  open();
  ASSERT_TRUE(control().inject({.when = {.primitive = Primitive::kCreate, .times = 1},
                                .then = {.hang = testing::CallPhase::kBefore}}));
  auto spec = server();
  spec.start = true;
  ASSERT_TRUE(supervisor_->create("a", std::move(spec), "create"));
  ASSERT_TRUE(eventually([&] { return callsOf(Primitive::kCreate) == 1; }));
  kill();
  open();
  EXPECT_EQ(stateOf("a"), EntryState::kDeleted);
}

TEST_F(UnseenEnds, StopThatTheDaemonDidNotSeeTheEndOfStaysAStop) {
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

TEST_F(UnseenEnds, StopWhoseAnswerWasLostStaysAStop) {
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

TEST_F(UnseenEnds, StartThatCouldNotBeSeenIsWantedAllTheSame) {
  open();
  create("a");
  control().failNext(Primitive::kInspect, {.code = ErrorCode::kInternal}, 2);
  ASSERT_TRUE(supervisor_->start("a", "start"));
  ASSERT_TRUE(observer_.waitForEnd("start")->error);
  reboot();
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

TEST_F(UnseenEnds, CreatedServerIsStartedByTheNextDaemonWhenThisOneGotNoFurther) {
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

TEST_F(UnseenEnds, StartOfAServerThatCouldNotBeCreatedIsNotKept) {
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

TEST_F(UnseenEnds, StartWhoseAnswerWasLostIsWantedAllTheSame) {
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

TEST_F(UnseenEnds, RestartThatWasDueIsNotCountedTwice) {
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

TEST_F(UnseenEnds, EndsThatTheEngineCausedAreTakenBackByTheNextDaemonToo) {
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

TEST_F(UnseenEnds, EndThatWasNotTheEnginesIsKeptAfterAMinute) {
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

TEST_F(UnseenEnds, EngineThatTakesItsServersAlongStartsThemAgainAndCountsNoCrash) {
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

TEST_F(UnseenEnds, EndsThatTheEngineCausedBeforeItWentAreNoCrashesAfterAll) {
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

TEST_F(UnseenEnds, CrashLongBeforeTheEngineWentStaysACrash) {
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

TEST_F(UnseenEnds, CrashWhileTheEngineWasLostIsACrashIfOthersLiveOn) {
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

// What the engine says, early, late or not at all.

#include "supervised_engine.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Not;
using testing::Primitive;

class Truth : public test::SupervisedEngine {};

/// Events go wrong so often in what follows that none comes.
constexpr std::uint64_t kAll = 1'000'000;

TEST_F(Truth, LostEventsAreMadeUpForByAList) {
  open();
  create("a");
  control().loseEvents(kAll);
  ASSERT_TRUE(control().startBehind(idOf("a")));
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
  control().reset();
}

TEST_F(Truth, ListsEveryMinuteWhileEventsCome) {
  open();
  createAndStart("a");
  const std::size_t before = callsOf(Primitive::kList);
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kList) >= before + 4; }));
  EXPECT_GE(shortestPauseOf(Primitive::kList), 60s);
  EXPECT_LE(shortestPauseOf(Primitive::kList), 75s);
}

TEST_F(Truth, OptionsOfNoUseAreRaisedToTheLeast) {
  for (const Duration none : {Duration::zero(), Duration(-1s)}) {
    options_.relist_interval = none;
    options_.engine_timeout = none;
    options_.queue_limit = 0;
    reopen();
    const std::size_t before = callsOf(Primitive::kList);
    create("a" + std::to_string(none.count() < 0));
    clock().advance(3s);
    EXPECT_TRUE(eventually([&] { return callsOf(Primitive::kList) > before; }));
  }
}

TEST_F(Truth, WithoutEventsListsTellEveryTwoSeconds) {
  ASSERT_TRUE(control().inject({.when = {.primitive = Primitive::kEvents},
                                .then = {.error = Error{.code = ErrorCode::kUnsupported}}}));
  open();
  EXPECT_TRUE(supervisor_->engineReachable());
  create("a");
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(control().startBehind(idOf("a")));
    EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
    ASSERT_TRUE(control().stopBehind(idOf("a")));
    EXPECT_TRUE(becomesInTime("a", EntryState::kStopped));
  }
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kList) >= 20; }));
  // The list of each minute comes in between.
  EXPECT_GE(averagePauseOf(Primitive::kList), 1900ms);
  EXPECT_LE(shortestPauseOf(Primitive::kList), 2200ms);
}

TEST_F(Truth, EngineWhoseEventsFailIsNotLost) {
  ASSERT_TRUE(control().inject({.when = {.primitive = Primitive::kEvents, .times = 3},
                                .then = {.error = Error{.code = ErrorCode::kUnavailable}}}));
  open();
  createAndStart("a");
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kEvents) >= 4; }));
  EXPECT_THAT(observer_.states("a"), Not(Contains(EntryState::kUnknown)));
  // The stream that came at last is followed: no list is waited for.
  const std::size_t lists = callsOf(Primitive::kList);
  ASSERT_TRUE(eventually([&] { return callsOf(Primitive::kList) >= 4; }));
  create("b");
  ASSERT_TRUE(control().startBehind(idOf("b")));
  EXPECT_TRUE(becomes("b", EntryState::kRunning));
  EXPECT_LE(callsOf(Primitive::kList), lists + 1);
}

TEST_F(Truth, StreamThatIsLostIsOpenedAgainAndFollowedByAListAtOnce) {
  open();
  createAndStart("a");
  clock().advance(10s);
  const std::size_t lists = callsOf(Primitive::kList);
  control().engineRestart(false);
  EXPECT_TRUE(passUntil([&] { return callsOf(Primitive::kList) > lists; }));
  EXPECT_THAT(observer_.states("a"), Not(Contains(EntryState::kUnknown)));
}

TEST_F(Truth, StreamsThatNeverLastAreNoLoop) {
  ASSERT_TRUE(control().inject(
      {.when = {.primitive = Primitive::kEvents}, .then = {.truncate_stream = {{.items = 0}}}}));
  open();
  create("a");
  const TimePoint begin = clock().now();
  ASSERT_TRUE(passUntil([&] { return clock().now() - begin >= 20s; }));
  EXPECT_LE(callsOf(Primitive::kEvents), 25U);
  EXPECT_TRUE(supervisor_->engineReachable());
}

TEST_F(Truth, ServerWhoseCreationFailedAsTheEngineWasLostHasFailedWhenItIsFound) {
  open();
  create("b");
  control().engineDown(true);
  ASSERT_TRUE(supervisor_->create("a", server(), "create"));
  ASSERT_TRUE(observer_.waitForEnd("create")->error);
  ASSERT_TRUE(becomesInTime("b", EntryState::kUnknown));
  control().engineDown(false);
  ASSERT_TRUE(becomesInTime("b", EntryState::kCreated));
  EXPECT_TRUE(becomes("a", EntryState::kFailed));
  // It stands for nothing.
  create("a");
  EXPECT_EQ(stateOf("a"), EntryState::kCreated);
}

// ---- a container whose creation was never answered ----

class Unanswered : public Truth {
 protected:
  /// The engine makes the container of "a", and neither answers nor tells of it.
  void makeUnanswered(EntrySpec spec = server()) {
    open();
    create("b");
    control().loseEvents(kAll);
    control().failNext(Primitive::kCreate,
                       {.code = ErrorCode::kUnavailable, .effect = Effect::kUnknown});
    control().failNext(Primitive::kInspect, {.code = ErrorCode::kInternal});
    ASSERT_TRUE(supervisor_->create("a", std::move(spec), "create"));
    ASSERT_TRUE(observer_.waitForEnd("create")->error);
    ASSERT_FALSE(supervisor_->status("a")->container);
  }
  void TearDown() override {
    close();
    control().reset();
  }
};

TEST_F(Unanswered, IsFoundByAListAndObeysItsPolicy) {
  EntrySpec spec = server();
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure};
  makeUnanswered(std::move(spec));
  ASSERT_TRUE(passUntil([&] { return supervisor_->status("a")->container.has_value(); }));
  ASSERT_TRUE(supervisor_->start("a", "start"));
  const auto started = observer_.waitForEnd("start");
  ASSERT_FALSE(started->error) << started->error->message;
  ASSERT_TRUE(control().crash(idOf("a"), 3));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kCrashed));
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

TEST_F(Unanswered, IsDeletedWithItsServer) {
  makeUnanswered();
  ASSERT_EQ(runtime_->list({}, {})->size(), 2U);
  ASSERT_TRUE(supervisor_->remove("a", "remove"));
  EXPECT_FALSE(observer_.waitForEnd("remove")->error);
  EXPECT_EQ(runtime_->list({}, {})->size(), 1U);
}

TEST_F(Unanswered, IsNotCalledDeletedWhileTheEngineDoesNotSay) {
  makeUnanswered();
  control().failNext(Primitive::kInspect, {.code = ErrorCode::kUnavailable});
  ASSERT_TRUE(supervisor_->remove("a", "remove"));
  const auto end = observer_.waitForEnd("remove");
  ASSERT_TRUE(end && end->error);
  EXPECT_EQ(end->error->code, ErrorCode::kUnavailable);
  EXPECT_EQ(stateOf("a"), EntryState::kFailed);
}

// ---- answers that come late ----

TEST_F(Truth, LateListDoesNotBringBackWhatWasRemoved) {
  open();
  createAndStart("a");
  const auto list = runtime_->hold(Primitive::kList);
  control().loseEvents(1, true);
  ASSERT_TRUE(runtime_->remove(
      runtime_->create({.image = "example/game:1", .labels = {{"libcontrol.managed", "true"}}}, {})
          ->id,
      {}, {}));  // events, so that the gap is told
  ASSERT_TRUE(list->held());
  ASSERT_TRUE(supervisor_->remove("a", "remove"));
  ASSERT_FALSE(observer_.waitForEnd("remove")->error);
  const std::size_t from = observer_.position();
  // Should it be brought back, it is looked at, and stays until the engine has answered.
  const auto look = runtime_->hold(Primitive::kInspect);
  list->open();
  // The next one is asked for after this one was taken in.
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kList) >= 3; }));
  EXPECT_EQ(stateOf("a"), EntryState::kDeleted);
  EXPECT_EQ(observer_.position(), from);
  look->open();
}

TEST_F(Truth, LateListOfARunThatIsOverChangesNothing) {
  open();
  createAndStart("a");
  const auto list = runtime_->hold(Primitive::kList);
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kList) >= 2; }));
  ASSERT_TRUE(list->held());
  stop("a");
  const std::size_t from = observer_.position();
  list->open();
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kList) >= 3; }));
  EXPECT_EQ(observer_.position(), from);
  EXPECT_EQ(stateOf("a"), EntryState::kStopped);
}

TEST_F(Truth, LatePingOfTheEngineThatWasLostDoesNotLoseTheOneThatWasFound) {
  open();
  createAndStart("a");
  const auto ping = runtime_->hold(Primitive::kInfo);
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kInfo) >= 1; }));
  ASSERT_TRUE(ping->held());
  control().engineDown(true);
  ASSERT_TRUE(becomesInTime("a", EntryState::kUnknown));
  control().engineDown(false);
  ASSERT_TRUE(becomesInTime("a", EntryState::kRunning));
  const std::size_t from = observer_.position();
  const std::size_t lists = callsOf(Primitive::kList);
  ping->open(Error{.code = ErrorCode::kDeadlineExceeded, .message = "it never came"});
  // Whatever it made of that, it connects and lists.
  ASSERT_TRUE(eventually([&] { return callsOf(Primitive::kList) > lists; }));
  EXPECT_TRUE(supervisor_->engineReachable());
  EXPECT_EQ(observer_.position(), from);
  EXPECT_EQ(stateOf("a"), EntryState::kRunning);
}

TEST_F(Truth, LateListOfTheEngineThatWasLostDoesNotFindIt) {
  open();
  createAndStart("a");
  const auto list = runtime_->hold(Primitive::kList);
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kList) >= 2; }));
  ASSERT_TRUE(list->held());
  control().engineDown(true);
  ASSERT_TRUE(becomesInTime("a", EntryState::kUnknown));
  const std::size_t lists = callsOf(Primitive::kList);
  list->open();
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kList) > lists; }));
  EXPECT_FALSE(supervisor_->engineReachable());
  EXPECT_EQ(stateOf("a"), EntryState::kUnknown);
  control().engineDown(false);
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

// ---- hints that come at a bad time ----

TEST_F(Truth, EventThatComesWhileAnOperationRunsIsLookedAtAfterIt) {
  open();
  create("a");  // one that runs has a watch, too
  const auto answer = runtime_->hold(Primitive::kUpdate);
  ASSERT_TRUE(supervisor_->update("a", {.limits = {.memory_bytes = 64 << 20}}, "update"));
  ASSERT_TRUE(answer->held());
  ASSERT_TRUE(control().removeBehind(idOf("a")));
  // A second server's event has been taken in by then, and with it that of the first.
  ContainerSpec other;
  other.name = "control-b";
  other.image = "example/game:1";
  other.labels = {{"libcontrol.managed", "true"}, {"libcontrol.entry", "b"}};
  ASSERT_TRUE(engine_->create(other, {}));
  ASSERT_TRUE(becomes("b", EntryState::kCreated));
  answer->open();
  EXPECT_TRUE(becomes("a", EntryState::kFailed));
}

TEST_F(Truth, ListThatComesWhileAnOperationRunsIsNotForgotten) {
  open();
  create("a");
  control().loseEvents(kAll);
  const auto answer = runtime_->hold(Primitive::kUpdate);
  ASSERT_TRUE(supervisor_->update("a", {.limits = {.memory_bytes = 64 << 20}}, "update"));
  ASSERT_TRUE(answer->held());
  ASSERT_TRUE(control().startBehind(idOf("a")));
  const std::size_t lists = callsOf(Primitive::kList);
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kList) >= lists + 2; }));
  answer->open();
  EXPECT_TRUE(becomes("a", EntryState::kRunning));
  control().reset();
}

TEST_F(Truth, LookAtWhatIsGoneDoesNotFindWhatWasCreatedInItsPlace) {
  open();
  createAndStart("a");
  control().failNext(Primitive::kInspect, {.code = ErrorCode::kInternal});
  ASSERT_TRUE(control().removeBehind(idOf("a")));
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  EntrySpec again = server();
  again.start = true;
  bool accepted = false;  // once the looks that are due are over
  ASSERT_TRUE(
      eventually([&] { return accepted = accepted || supervisor_->create("a", again, "again"); }));
  ASSERT_FALSE(observer_.waitForEnd("again")->error);
  const TimePoint begin = clock().now();
  ASSERT_TRUE(passUntil([&] { return clock().now() - begin >= 10s; }));
  for (const Transition& one : observer_.transitions("a")) EXPECT_NE(one.reason, Reason::kAdopted);
}

TEST_F(Truth, EngineThatDoesNotSayWhetherAnImageIsThereEndsTheCreation) {
  open();
  ASSERT_TRUE(control().inject({.when = {.primitive = Primitive::kFindImage},
                                .then = {.hang = testing::CallPhase::kBefore}}));
  ASSERT_TRUE(supervisor_->create("a", server(), "create"));
  ASSERT_TRUE(supervisor_->pull("example/game:1", {}, "pull"));
  ASSERT_TRUE(
      passUntil([&] { return observer_.endsOf("create") == 1 && observer_.endsOf("pull") == 1; }));
  EXPECT_EQ(observer_.waitForEnd("create")->error->code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(observer_.waitForEnd("pull")->error->code, ErrorCode::kDeadlineExceeded);
  EXPECT_TRUE(becomes("a", EntryState::kFailed));
}

TEST_F(Truth, ServerThatSomebodyStartsAgainAtOnceIsRunning) {
  open();
  createAndStart("a");
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(control().crash(idOf("a"), 0));
    ASSERT_TRUE(control().startBehind(idOf("a")));
    const auto started_at = engine_->inspect(idOf("a"), {})->started_at;
    EXPECT_TRUE(eventually([&] {
      const auto status = supervisor_->status("a");
      return status->state == EntryState::kRunning && status->started_at == started_at;
    }));
    clock().advance(1ms);  // runs are told apart by their time
  }
}

TEST_F(Truth, HungServersHoldUpTheAdoptionOfNoOther) {
  open();
  for (int i = 0; i < 20; ++i) createAndStart("s" + std::to_string(i));
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(control().setHung(idOf("s" + std::to_string(i)), true));
  std::vector<ContainerId> hung;
  for (int i = 0; i < 8; ++i) hung.push_back(idOf("s" + std::to_string(i)));
  close();
  supervisor_ = std::make_unique<Supervisor>(runtime_, options_, observer_);
  std::thread opening([&] { supervisor_->open(engine_.within(1h)); });
  const auto allOthersRun = [&] {
    for (int i = 8; i < 20; ++i)
      if (stateOf("s" + std::to_string(i)) != EntryState::kRunning) return false;
    return true;
  };
  EXPECT_TRUE(clock().advanceUntil(allOthersRun, 50ms, 30s));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(stateOf("s" + std::to_string(i)), EntryState::kUnknown);
  for (const ContainerId& id : hung) ASSERT_TRUE(control().setHung(id, false));
  EXPECT_TRUE(becomesInTime("s0", EntryState::kRunning));
  opening.join();
}

}  // namespace
}  // namespace control

// A container that is made anew, whenever the process is killed.

#include "next_start.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using test::CallPhase;
using test::NextStart;
using test::Primitive;
using ::testing::IsEmpty;

// ---- killed while the container is made anew ----

struct Point {
  Primitive primitive;
  CallPhase phase;
};
void PrintTo(const Point& point, std::ostream* out) {
  *out << (point.phase == CallPhase::kBefore ? "before " : "after ")
       << testing::toString(point.primitive);
}

class KilledWhileMadeAnew : public NextStart, public ::testing::WithParamInterface<Point> {};
class KilledInAStart : public KilledWhileMadeAnew {};
class KilledInAnUpdate : public KilledWhileMadeAnew {};

TEST_P(KilledInAStart, ServerRunsWithItsChange) {
  createAndStart("a");
  const ContainerId before = idOf("a");
  update("a", change("MODE", "hard"), "change");
  hangNext(GetParam().primitive, GetParam().phase);
  ASSERT_TRUE(supervisor_->restart("a", {}, "restart"));
  ASSERT_TRUE(isWaitedFor(GetParam().primitive));
  kill();
  open();
  ASSERT_TRUE(becomesInTime("a", EntryState::kRunning));
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
  EXPECT_NE(idOf("a"), before);
  EXPECT_EQ(supervisor_->status("a")->restarts, 0);
  EXPECT_EQ(containers(), 1U);
  EXPECT_THAT(filesKept(), IsEmpty());
  // Once, or it would be made again each time.
  std::size_t made = 0;
  for (const testing::JournalEntry& one : control().journal())
    made += one.primitive == Primitive::kCreate && (!one.error || one.effect != Effect::kNone);
  EXPECT_EQ(made, 2U + (GetParam().primitive == Primitive::kCreate &&
                        GetParam().phase == CallPhase::kBefore));
  EXPECT_THAT(observer_.problems(), IsEmpty());
}

TEST_P(KilledInAnUpdate, ServerIsThereAndStaysStopped) {
  create("a");
  hangNext(GetParam().primitive, GetParam().phase);
  ASSERT_TRUE(supervisor_->update("a", change("MODE", "hard"), "change"));
  ASSERT_TRUE(isWaitedFor(GetParam().primitive));
  kill();
  open();
  ASSERT_TRUE(becomesInTime("a", EntryState::kCreated));
  clock().advance(1min);
  EXPECT_EQ(stateOf("a"), EntryState::kCreated);
  EXPECT_EQ(callsOf(Primitive::kStart), 0U);
  ASSERT_TRUE(supervisor_->start("a", "start"));
  EXPECT_FALSE(endOf("start"));
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
  EXPECT_EQ(containers(), 1U);
  EXPECT_THAT(filesKept(), IsEmpty());
}

std::string nameOf(const ::testing::TestParamInfo<Point>& point) {
  return std::string(point.param.phase == CallPhase::kBefore ? "before_" : "after_") +
         std::string(testing::toString(point.param.primitive));
}

INSTANTIATE_TEST_SUITE_P(Points, KilledInAStart,
                         ::testing::Values(Point{Primitive::kRemove, CallPhase::kBefore},
                                           Point{Primitive::kRemove, CallPhase::kAfter},
                                           Point{Primitive::kCreate, CallPhase::kBefore},
                                           Point{Primitive::kCreate, CallPhase::kAfter},
                                           Point{Primitive::kStart, CallPhase::kBefore},
                                           Point{Primitive::kStart, CallPhase::kAfter}),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Points, KilledInAnUpdate,
                         ::testing::Values(Point{Primitive::kRemove, CallPhase::kBefore},
                                           Point{Primitive::kRemove, CallPhase::kAfter},
                                           Point{Primitive::kCreate, CallPhase::kBefore},
                                           Point{Primitive::kCreate, CallPhase::kAfter}),
                         nameOf);

class KilledWithoutContainer : public NextStart {
 protected:
  KilledWithoutContainer() {
    createAndStart("a");
    update("a", change("MODE", "hard"), "change");
    hangNext(Primitive::kRemove, CallPhase::kAfter);
    EXPECT_TRUE(supervisor_->restart("a", {}, "restart"));
    EXPECT_TRUE(isWaitedFor(Primitive::kRemove));
    kill();
    EXPECT_EQ(containers(), 0U);
  }
};

TEST_F(KilledWithoutContainer, WhatTheEngineRefusesThenGivesWayToWhatWasThereBefore) {
  control().failNext(Primitive::kCreate,
                     {.code = ErrorCode::kInvalidArgument, .message = "no such option"});
  open();
  ASSERT_TRUE(becomesInTime("a", EntryState::kRunning));
  EXPECT_EQ(valueOf("a", "MODE"), "");
  EXPECT_THAT(filesKept(), IsEmpty());
  const auto told = observer_.transitions("a");
  const auto failed = std::find_if(told.begin(), told.end(), [](const Transition& one) {
    return one.failed == OperationKind::kUpdate;
  });
  ASSERT_NE(failed, told.end());
  EXPECT_EQ(failed->error->message, "no such option");
}

TEST_F(KilledWithoutContainer, EngineInTroubleIsAskedUntilItIsMade) {
  control().failNext(Primitive::kCreate, {.code = ErrorCode::kUnavailable}, 3);
  open();
  EXPECT_EQ(stateOf("a"), EntryState::kFailed);
  ASSERT_TRUE(becomesInTime("a", EntryState::kRunning));
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
}

TEST_F(KilledWithoutContainer, WhatCannotBeMadeIsShownAsFailedAndAStartTriesAgain) {
  control().failNext(Primitive::kCreate,
                     {.code = ErrorCode::kImageNotFound, .message = "it is gone"}, 2);
  open();
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  EXPECT_FALSE(supervisor_->status("a")->container);
  EXPECT_EQ(observer_.transitions("a").back().error->message, "it is gone");
  reopen();
  ASSERT_TRUE(becomesInTime("a", EntryState::kRunning));
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
}

TEST_F(KilledWithoutContainer, AnUpdateMakesItOfWhatWasKeptAndItRuns) {
  control().failNext(Primitive::kCreate, {.code = ErrorCode::kImageNotFound}, 2);
  open();
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  update("a", change("MORE", "1"), "more");
  ASSERT_TRUE(becomesInTime("a", EntryState::kRunning));
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
  EXPECT_EQ(valueOf("a", "MORE"), "1");
}

TEST_F(KilledWithoutContainer, MakesRoomForANewOne) {
  control().failNext(Primitive::kCreate, {.code = ErrorCode::kImageNotFound}, 2);
  open();
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  ASSERT_TRUE(supervisor_->create("a", server(), "anew"));
  ASSERT_FALSE(endOf("anew"));
  EXPECT_EQ(valueOf("a", "MODE"), "");
  EXPECT_THAT(filesKept(), IsEmpty());
  reopen();
  ASSERT_TRUE(supervisor_->start("a", "start"));
  EXPECT_FALSE(endOf("start"));
  EXPECT_EQ(valueOf("a", "MODE"), "");
}

TEST_F(KilledWithoutContainer, CanBeDeleted) {
  control().failNext(Primitive::kCreate, {.code = ErrorCode::kImageNotFound}, 2);
  open();
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  ASSERT_TRUE(supervisor_->remove("a", "delete"));
  EXPECT_FALSE(endOf("delete"));
  EXPECT_THAT(filesKept(), IsEmpty());
  reopen();
  EXPECT_THAT(supervisor_->list(), IsEmpty());
}

// ---- the engine fails while the container is made anew ----

TEST_F(NextStart, LostAnswerOfTheCreationIsNoLostServer) {
  createAndStart("a");
  update("a", change("MODE", "hard"), "change");
  ASSERT_TRUE(control().inject({.when = {.primitive = Primitive::kCreate, .times = 1},
                                .then = {.drop_connection = CallPhase::kAfter}}));
  restart("a");
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
  EXPECT_EQ(containers(), 1U);
}

TEST_F(NextStart, CreationThatCameToNothingIsMadeUpFor) {
  createAndStart("a");
  update("a", change("MODE", "hard"), "change");
  ASSERT_TRUE(control().inject({.when = {.primitive = Primitive::kCreate, .times = 1},
                                .then = {.drop_connection = CallPhase::kBefore}}));
  ASSERT_TRUE(supervisor_->restart("a", {}, "restart"));
  const auto error = endOf("restart");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->effect, Effect::kUnknown);
  ASSERT_TRUE(becomesInTime("a", EntryState::kRunning));
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
}

TEST_F(NextStart, RequestedStartIsMadeUpForOnceTheEngineIsWell) {
  createAndStart("a");
  update("a", change("MODE", "hard"), "change");
  stop("a");
  control().failNext(Primitive::kCreate, {.code = ErrorCode::kUnavailable}, 3);
  ASSERT_TRUE(supervisor_->start("a", "start"));
  const auto error = endOf("start");
  ASSERT_TRUE(error);
  // The container is gone and will be there again, and run.
  EXPECT_EQ(error->effect, Effect::kUnknown);
  ASSERT_TRUE(becomesInTime("a", EntryState::kRunning));
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
}

class UnaskedStart : public NextStart, public ::testing::WithParamInterface<Primitive> {
 protected:
  UnaskedStart() {
    // The engine was found with a server that ran: it took none along.
    createAndStart("other");
    reopen();
    EntrySpec spec = server();
    spec.restart = {.mode = RestartPolicy::Mode::kOnFailure};
    createAndStart("a", spec);
    update("a", change("MODE", "hard"), "change");
    id_ = idOf("a");
    control().failNext(Primitive::kCreate, {.code = ErrorCode::kUnavailable}, 3);
    // An answer that is lost.
    EXPECT_TRUE(control().inject({.when = {.primitive = GetParam(), .times = 1},
                                  .then = {.drop_connection = CallPhase::kAfter}}));
  }
  void expectItRunsWithItsChange() {
    ASSERT_TRUE(passUntil([&] { return valueOf("a", "MODE") == "hard"; }));
    EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
  }

  ContainerId id_{};
};

TEST_P(UnaskedStart, AfterACrashIsMadeUpForOnceTheEngineIsWell) {
  ASSERT_TRUE(control().crash(idOf("a"), 1));
  expectItRunsWithItsChange();
}

TEST_P(UnaskedStart, AfterAnEndThatNobodySawIsMadeUpForOnceTheEngineIsWell) {
  close();
  ASSERT_TRUE(control().kill(id_, Signal::kill()));
  open();
  expectItRunsWithItsChange();
}

INSTANTIATE_TEST_SUITE_P(Lost, UnaskedStart,
                         ::testing::Values(Primitive::kRemove, Primitive::kCreate),
                         [](const auto& test) { return std::string(toString(test.param)); });

TEST_F(NextStart, UpdateThatMakesAServerWhichIsWantedLetsItStart) {
  createAndStart("other");
  reopen();
  EntrySpec spec = server();
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure};
  createAndStart("a", spec);
  update("a", change("MODE", "hard"), "change");
  control().failNext(Primitive::kCreate, {.code = ErrorCode::kUnavailable});
  ASSERT_TRUE(control().crash(idOf("a"), 1));
  // Less than until it is made up for.
  ASSERT_TRUE(eventually([&] {
    if (stateOf("a") == EntryState::kCrashed) clock().advance(100ms);
    return stateOf("a") == EntryState::kFailed;
  }));
  ASSERT_FALSE(supervisor_->status("a")->container);
  update("a", change("MORE", "1"), "more");
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
  EXPECT_EQ(valueOf("a", "MORE"), "1");
}

TEST_F(NextStart, StopDuringTheCreationLeavesAContainer) {
  createAndStart("a");
  update("a", change("MODE", "hard"), "change");
  hangNext(Primitive::kCreate, CallPhase::kBefore);
  ASSERT_TRUE(supervisor_->restart("a", {}, "restart"));
  ASSERT_TRUE(isWaitedFor(Primitive::kCreate));
  ASSERT_TRUE(supervisor_->stop("a", {}, "stop"));
  ASSERT_TRUE(passUntil([&] { return observer_.endsOf("stop") == 1; }));
  ASSERT_TRUE(becomesInTime("a", EntryState::kCreated));
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
  clock().advance(1min);
  EXPECT_EQ(callsOf(Primitive::kStart), 1U);
}

TEST_F(NextStart, OldEndOfAServerThatIsMadeAgainIsNotTakenBack) {
  createAndStart("a");
  ASSERT_TRUE(control().crash(idOf("a"), 1));
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  clock().advance(1min);
  control().failNext(Primitive::kCreate, {.code = ErrorCode::kUnavailable});
  ASSERT_TRUE(supervisor_->update("a", change("MODE", "hard"), "change"));
  ASSERT_TRUE(endOf("change"));
  ASSERT_TRUE(passUntil([&] { return valueOf("a", "MODE") == "hard"; }));
  EXPECT_TRUE(becomesInTime("a", EntryState::kFailed));
  clock().advance(1min);
  EXPECT_EQ(callsOf(Primitive::kStart), 1U);
}

TEST_F(NextStart, LateAnswerOfTheOldContainersLogIsNoneOfTheNewOne) {
  const auto gate = runtime_->hold(Primitive::kLogs);
  createAndStart("a");
  ASSERT_TRUE(gate->held());
  update("a", change("MODE", "hard"), "change");
  ASSERT_TRUE(supervisor_->restart("a", {}, "restart"));
  // The old one waits for its log to be read, but not for ever.
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kRemove) == 1; }));
  EXPECT_FALSE(endOf("restart"));
  gate->open(Error{.code = ErrorCode::kNotFound, .message = "no such container"});
  ASSERT_TRUE(control().print(idOf("a"), "hello\n"));
  EXPECT_TRUE(passUntil([&] { return supervisor_->console("a", {.lines = 9})->last == 1; }));
}

// ---- containers that are gone for another reason ----

TEST_F(NextStart, ServerThatOthersRemovedIsMadeByAStartAlone) {
  createAndStart("a");
  update("a", change("MODE", "hard"), "change");
  ASSERT_TRUE(control().removeBehind(idOf("a")));
  ASSERT_TRUE(becomesInTime("a", EntryState::kFailed));
  kill();
  open();
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  clock().advance(1min);
  EXPECT_EQ(containers(), 0U);
  ASSERT_TRUE(supervisor_->start("a", "start"));
  EXPECT_FALSE(endOf("start"));
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
}

TEST_F(NextStart, ServerThatOthersRemovedIsMadeByAnUpdateAndRests) {
  createAndStart("a");
  update("a", change("MODE", "hard"), "change");
  ASSERT_TRUE(control().removeBehind(idOf("a")));
  ASSERT_TRUE(becomesInTime("a", EntryState::kFailed));
  update("a", change("MORE", "1"), "more");
  EXPECT_EQ(stateOf("a"), EntryState::kCreated);
  kill();
  open();
  EXPECT_EQ(stateOf("a"), EntryState::kCreated);
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
  EXPECT_EQ(valueOf("a", "MORE"), "1");
}

TEST_F(NextStart, DeletedServerDoesNotComeBackWhereverItWasKilled) {
  const std::pair<std::string, CallPhase> servers[] = {{"a", CallPhase::kBefore},
                                                       {"b", CallPhase::kAfter}};
  for (const auto& [name, phase] : servers) {
    createAndStart(name);
    update(name, change("MODE", "hard"), "change-" + name);
    hangNext(Primitive::kRemove, phase);
    ASSERT_TRUE(supervisor_->remove(name, "delete"));
    ASSERT_TRUE(isWaitedFor(Primitive::kRemove));
    kill();
    open();
    if (phase == CallPhase::kBefore) {
      ASSERT_EQ(stateOf(name), EntryState::kStopped);
      ASSERT_TRUE(supervisor_->remove(name, "again"));
      EXPECT_FALSE(endOf("again"));
    }
    EXPECT_EQ(stateOf(name), EntryState::kDeleted);
    EXPECT_EQ(containers(), 0U);
    EXPECT_THAT(filesKept(), IsEmpty());
  }
}

TEST_F(NextStart, FailedDeletionKeepsTheChange) {
  createAndStart("a");
  update("a", change("MODE", "hard"), "change");
  control().failNext(Primitive::kRemove, {.code = ErrorCode::kUnavailable});
  ASSERT_TRUE(supervisor_->remove("a", "delete"));
  ASSERT_TRUE(endOf("delete"));
  kill();
  open();
  ASSERT_TRUE(supervisor_->start("a", "start"));
  EXPECT_FALSE(endOf("start"));
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
}

}  // namespace
}  // namespace control

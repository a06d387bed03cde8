// A change for the next start, and a container that is made anew, whenever the process is killed.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "supervised_engine.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using testing::CallPhase;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Primitive;
using ::testing::SizeIs;

class NextStart : public test::SupervisedEngine {
 protected:
  NextStart() {
    std::string made = ::testing::TempDir() + "next-start-XXXXXX";
    directory_ = ::mkdtemp(made.data());
    options_.state_file = directory_ / "state" / "servers";
    std::filesystem::create_directory(directory_ / "state");
    open();
  }
  ~NextStart() override {
    close();
    std::filesystem::remove_all(directory_);
  }

  /// What is on disk now is all that the next process finds, whatever this one does at its end.
  void kill() {
    std::filesystem::copy(directory_ / "state", directory_ / "as-killed",
                          std::filesystem::copy_options::recursive);
    close();
    std::filesystem::remove_all(directory_ / "state");
    std::filesystem::rename(directory_ / "as-killed", directory_ / "state");
  }

  static EntryUpdate change(const std::string& name, const std::string& value) {
    EntryUpdate update;
    update.respec = [name, value](ContainerSpec spec) -> Result<ContainerSpec> {
      spec.environment.emplace_back(name, value);
      return spec;
    };
    return update;
  }
  std::optional<Error> endOf(const std::string& operation) {
    const auto end = observer_.waitForEnd(operation);
    EXPECT_TRUE(end) << operation;
    return end ? end->error : std::nullopt;
  }
  void update(const std::string& name, const EntryUpdate& update, const std::string& operation) {
    ASSERT_TRUE(supervisor_->update(name, update, operation));
    const auto error = endOf(operation);
    ASSERT_FALSE(error) << error->message;
  }
  void restart(const std::string& name, const std::string& operation = "restart") {
    ASSERT_TRUE(supervisor_->restart(name, {}, operation));
    const auto error = endOf(operation);
    ASSERT_FALSE(error) << error->message;
  }

  /// The next call of that primitive has no end.
  void hangNext(Primitive primitive, CallPhase phase) {
    ASSERT_TRUE(
        control().inject({.when = {.primitive = primitive, .times = 1}, .then = {.hang = phase}}));
  }
  bool isWaitedFor(Primitive primitive) const {
    return eventually([&] {
      const auto all = control().journal();
      return std::any_of(all.begin(), all.end(), [&](const testing::JournalEntry& one) {
        return one.primitive == primitive && !one.finished;
      });
    });
  }
  ContainerSpec specOf(const std::string& name) const {
    const auto info = engine_->inspect({"control-" + name}, {});
    return info ? info->spec : ContainerSpec{};
  }
  std::string valueOf(const std::string& server, const std::string& name) const {
    for (const auto& [key, value] : specOf(server).environment)
      if (key == name) return value;
    return "";
  }
  std::size_t containers() const { return engine_->list({}, {})->size(); }
  std::vector<std::string> filesKept() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& one :
         std::filesystem::directory_iterator(directory_ / "state" / "servers.next", none))
      names.push_back(one.path().filename());
    return names;
  }

  std::filesystem::path directory_;
};

// ---- a change that waits ----

TEST_F(NextStart, ChangeOfARunningServerIsMadeByTheProcessThatStartsItNext) {
  createAndStart("a");
  const ContainerId before = idOf("a");
  update("a", change("FIRST", "1"), "first");
  kill();
  open();
  ASSERT_EQ(stateOf("a"), EntryState::kRunning);
  EXPECT_EQ(idOf("a"), before);
  EntryUpdate limit;
  limit.limits.memory_bytes = 64 << 20;
  update("a", limit, "limit");
  update("a", change("SECOND", "2"), "second");
  kill();
  open();
  EXPECT_EQ(idOf("a"), before);
  restart("a");
  EXPECT_NE(idOf("a"), before);
  EXPECT_EQ(valueOf("a", "FIRST"), "1");
  EXPECT_EQ(valueOf("a", "SECOND"), "2");
  EXPECT_EQ(specOf("a").limits.memory_bytes, 64 << 20);
  EXPECT_EQ(containers(), 1U);
  EXPECT_THAT(filesKept(), IsEmpty());
  EXPECT_THAT(observer_.problems(), IsEmpty());
}

TEST_F(NextStart, ChangeIsMadeByARestartAfterACrash) {
  EntrySpec spec = server();
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure};
  createAndStart("a", spec);
  update("a", change("MODE", "hard"), "change");
  kill();
  open();
  const std::size_t from = observer_.position();
  ASSERT_TRUE(control().crash(idOf("a"), 1));
  ASSERT_TRUE(passUntil(
      [&] { return stateOf("a") == EntryState::kRunning && observer_.position() > from + 1; }));
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
}

TEST_F(NextStart, PortsThatTheEngineChoseAreChosenAnew) {
  EntrySpec spec = server();
  spec.container.ports = {{.container_port = 80}};
  createAndStart("a", spec);
  ASSERT_NE(specOf("a").ports.at(0).host_port, 0);
  update("a", change("MODE", "hard"), "change");
  restart("a");
  stop("a");
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
  EXPECT_EQ(specOf("a").ports.at(0).host_port, 0);
}

TEST_F(NextStart, PortsThatTheChangeNamesStay) {
  EntrySpec spec = server();
  spec.container.ports = {{.container_port = 80}};
  createAndStart("a", spec);
  EntryUpdate ports;
  ports.respec = [](ContainerSpec current) -> Result<ContainerSpec> {
    current.ports = {{.container_port = 80, .host_port = 8080}};
    return current;
  };
  update("a", ports, "ports");
  update("a", change("MODE", "hard"), "change");
  restart("a");
  stop("a");
  EXPECT_EQ(specOf("a").ports.at(0).host_port, 8080);
}

TEST_F(NextStart, ChangeThatCannotBeKeptIsRefusedAndItsValuesAreNotTold) {
  std::ofstream(directory_ / "state" / "servers.next") << "in the way";
  createAndStart("a");
  ASSERT_TRUE(supervisor_->update("a", change("TOKEN", "s3cret"), "change"));
  const auto error = endOf("change");
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message, HasSubstr("servers.next/a.spec"));
  EXPECT_THAT(error->message, Not(HasSubstr("s3cret")));
  restart("a");
  EXPECT_EQ(valueOf("a", "TOKEN"), "");
}

TEST_F(NextStart, DiskThatFailsLaterHoldsUpNoStart) {
  createAndStart("a");
  update("a", change("MODE", "hard"), "change");
  std::filesystem::remove_all(directory_ / "state" / "servers.next");
  std::ofstream(directory_ / "state" / "servers.next") << "in the way";
  restart("a");
  EXPECT_EQ(valueOf("a", "MODE"), "hard");
  ASSERT_THAT(observer_.problems(), SizeIs(1));
  EXPECT_THAT(observer_.problems().front(), HasSubstr("servers.next/a.spec"));
}

TEST_F(NextStart, DamagedFileLosesTheChangeAndNothingElse) {
  createAndStart("a");
  update("a", change("MODE", "hard"), "change");
  close();
  std::ofstream(directory_ / "state" / "servers.next" / "a.spec", std::ios::app) << "more";
  open();
  ASSERT_THAT(observer_.problems(), SizeIs(1));
  EXPECT_EQ(stateOf("a"), EntryState::kRunning);
  restart("a");
  EXPECT_EQ(valueOf("a", "MODE"), "");
}

TEST_F(NextStart, ChangeOfAContainerThatOthersReplacedIsDropped) {
  createAndStart("a");
  update("a", change("MODE", "hard"), "change");
  ContainerSpec by_others = specOf("a");
  kill();
  ASSERT_TRUE(control().removeBehind({"control-a"}));
  ASSERT_TRUE(control().perform({.kind = testing::EngineAction::Kind::kCreate, .spec = by_others}));
  open();
  ASSERT_TRUE(becomesInTime("a", EntryState::kRunning));
  EXPECT_EQ(valueOf("a", "MODE"), "");
  EXPECT_THAT(filesKept(), IsEmpty());
}

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

TEST_F(KilledWithoutContainer, AStartMakesItOfWhatWasKept) {
  control().failNext(Primitive::kCreate, {.code = ErrorCode::kImageNotFound}, 2);
  open();
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  update("a", change("MORE", "1"), "more");
  ASSERT_EQ(stateOf("a"), EntryState::kCreated);
  ASSERT_TRUE(supervisor_->start("a", "start"));
  EXPECT_FALSE(endOf("start"));
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

// A change for the next start, also by the next process.

#include <filesystem>
#include <fstream>

#include "next_start.h"

namespace control {
namespace {

using test::NextStart;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

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

TEST_F(NextStart, LimitsThatAnEngineChangesOnlyWhileItRunsAreInTheContainerThatStartsNext) {
  create("a");
  const ContainerId before = idOf("a");
  control().failNext(Primitive::kUpdate, {.code = ErrorCode::kWrongState});
  ASSERT_TRUE(supervisor_->update("a", {.limits = {.memory_bytes = 64 << 20}}, "update"));
  ASSERT_FALSE(observer_.waitForEnd("update")->error);
  EXPECT_NE(idOf("a"), before);
  EXPECT_EQ(runtime_->inspect(idOf("a"), {})->spec.limits.memory_bytes, 64 << 20);
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

}  // namespace
}  // namespace control

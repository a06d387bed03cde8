// A supervisor on a real engine that is frozen, killed and started again.

#include "faults/engine_faults.h"

#include <string>

namespace control::test {
namespace {

using namespace std::chrono_literals;

TEST_F(EngineFaults, FrozenEngineStopsNothingAndIsCaughtUpWith) {
  const int pace_before = pace("a");
  daemon_.signal(SIGSTOP);
  // Not frozen; what else the machine does slows it as well.
  EXPECT_GT(pace("a"), pace_before / 10);
  ASSERT_EQ(::kill(*supervisor_->status("b")->pid, SIGKILL), 0);
  ASSERT_TRUE(supervisor_->update("a", {.limits = {.pids = 50}}, "update"));
  std::this_thread::sleep_for(3s);
  EXPECT_TRUE(runs("a"));
  daemon_.signal(SIGCONT);
  EXPECT_TRUE(observer_.waitFor("b", EntryState::kCrashed, from_));
  const auto updated = observer_.waitForEnd("update");
  ASSERT_TRUE(updated);
  EXPECT_FALSE(updated->error) << updated->error->message;
  expectUntouched();
  EXPECT_TRUE(eventually([&] { return runs("b"); }));
  expectAgreementInTwoSeconds();
}

TEST_F(EngineFaults, EngineFrozenForHalfAMinuteIsMissedAndCaughtUpWith) {
  const auto frozen = std::chrono::steady_clock::now();
  daemon_.signal(SIGSTOP);
  const int before = ticks("a");
  ASSERT_EQ(::kill(*supervisor_->status("b")->pid, SIGKILL), 0);
  // It is asked every 15 s and given 10 s for its answer.
  EXPECT_TRUE(eventually([&] { return !supervisor_->engineReachable(); }, 28s));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kUnknown, from_));
  EXPECT_GT(ticks("a"), before) << "it is the engine that is frozen";
  std::this_thread::sleep_until(frozen + 30s);
  daemon_.signal(SIGCONT);
  EXPECT_TRUE(observer_.waitFor("b", EntryState::kCrashed, from_));
  EXPECT_TRUE(eventually([&] { return runs("b"); }));
  EXPECT_TRUE(eventually([&] { return agrees(); }, 10s));
  EXPECT_EQ(supervisor_->status("b")->restarts, 1);
  expectUntouched();
}

TEST_F(EngineFaults, EngineThatIsKilledAndRestoresLosesNothing) {
  liveRestore(true);
  const int before = ticks("a");
  daemon_.signal(SIGKILL);
  daemon_.awaitEnd();
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kUnknown, from_));
  EXPECT_GT(pace("a"), 0);
  daemon_.start();
  expectAgreementInTwoSeconds();
  expectUntouched();
  EXPECT_GT(ticks("a"), before);
}

TEST_F(EngineFaults, EngineThatIsRestartedAndRestoresLosesNothing) {
  liveRestore(true);
  restartBy(SIGTERM);
  expectAgreementInTwoSeconds();
  expectUntouched();
}

/// It leaves the container as it was, or for good as Docker's "dead" and Podman's "removing", which
/// Podman may be unable to inspect.
TEST_F(EngineFaults, EngineThatIsKilledWhileItRemovesCostsNoServerThatIsMadeAnew) {
  liveRestore(true);
  const ContainerId off{"fault-" + std::to_string(count_) + "-off"};
  for (const int nth : {1, 5, 9}) {
    const std::string operation = "update-" + std::to_string(nth);
    EntryUpdate update;
    update.respec = [&](ContainerSpec spec) -> Result<ContainerSpec> {
      spec.labels["made.by"] = operation;
      return spec;
    };
    daemon_.killAt("unlinkat", nth);
    ASSERT_TRUE(supervisor_->update("off", update, operation));
    daemon_.awaitEnd();
    daemon_.start();
    ASSERT_TRUE(observer_.waitForEnd(operation));
    const auto isWhole = [&] {
      const auto info = runtime_->inspect(off, soon());
      if (!info || !agrees()) return false;
      const auto label = info->spec.labels.find("made.by");
      const bool is_made = label != info->spec.labels.end() && label->second == operation;
      return info->state == (is_made ? ContainerState::kCreated : ContainerState::kExited);
    };
    EXPECT_TRUE(eventually(isWhole)) << operation << ": " << toString(stateOf("off"));
  }
  EXPECT_EQ(runtime_->list({.labels = {{"faults", std::to_string(count_)}}}, soon())->size(), 3U);
  expectUntouched();
}

/// Podman may take what runs for not started, or trip over what it had begun.
TEST_F(EngineFaults, EngineThatIsKilledWhileItStartsStartsItAfterAll) {
  liveRestore(true);
  const std::pair<const char*, int> moments[] = {{"fsync,fdatasync", 1},
                                                 {"fsync,fdatasync", 3},
                                                 {"fsync,fdatasync", 5},
                                                 {"write,pwrite64", 7},
                                                 {"write,pwrite64", 10}};
  for (const auto& [calls, nth] : moments) {
    const std::string moment = calls + std::to_string(nth);
    daemon_.killAt(calls, nth);
    ASSERT_TRUE(supervisor_->start("off", "start-" + moment));
    ASSERT_TRUE(observer_.waitForEnd("start-" + moment));
    daemon_.signal(SIGKILL);  // at the latest
    daemon_.awaitEnd();
    daemon_.start();
    EXPECT_TRUE(eventually([&] { return runs("off") && agrees(); }))
        << moment << ": " << toString(stateOf("off"));
    ASSERT_TRUE(supervisor_->kill("off", "kill-" + moment));
    EXPECT_FALSE(observer_.waitForEnd("kill-" + moment)->error);
  }
  expectUntouched();
}

TEST_F(EngineFaults, CrashWhileAnEngineThatRestoresIsAwayIsACrash) {
  liveRestore(true);
  const int pid = *supervisor_->status("b")->pid;
  daemon_.signal(SIGKILL);
  daemon_.awaitEnd();
  EXPECT_TRUE(observer_.waitFor("b", EntryState::kUnknown, from_));
  ASSERT_EQ(::kill(pid, SIGTERM), 0);  // its trap gives it an exit code of its own
  daemon_.start();
  EXPECT_TRUE(eventually([&] { return runs("b"); }));
  EXPECT_EQ(supervisor_->status("b")->restarts, 1);
  expectUntouched();
}

}  // namespace
}  // namespace control::test

// A supervisor on a real dockerd that is frozen, killed and started again.

#include "engines/raw_engine.h"
#include "faults/supervised.h"

namespace control {
namespace {

using namespace std::chrono_literals;

const test::PrivateEngine& engine() {
  static const test::PrivateEngine engine({"docker", "CONTROL_TEST_DOCKER_OWN", "dockerd.sh", ""});
  return engine;
}

class DockerFaults : public test::Supervised {
 protected:
  DockerFaults() : Supervised(engine(), "dockerd") {}

  void liveRestore(bool on) {
    std::ofstream(directory_ + "/daemon.json")
        << "{\"live-restore\": " << (on ? "true" : "false") << "}";
    daemon_.signal(SIGHUP);
    ASSERT_TRUE(eventually([&] {
      return test::rawRequest(socket_, "GET", "/info")
                 .json()
                 ->getValue<bool>("LiveRestoreEnabled") == on;
    }));
  }
  void restartBy(int signal) {
    daemon_.signal(signal);
    daemon_.awaitEnd();
    daemon_.start();
  }
};

TEST_F(DockerFaults, FrozenEngineStopsNothingAndIsCaughtUpWith) {
  const int pace_before = pace("a");
  daemon_.signal(SIGSTOP);
  // Not frozen; what else the machine does slows it as well.
  EXPECT_GT(pace("a"), pace_before / 10);
  ASSERT_EQ(::kill(*supervisor_->status("b")->pid, SIGKILL), 0);
  ASSERT_TRUE(supervisor_->update("off", {.limits = {.pids = 50}}, "update"));
  std::this_thread::sleep_for(3s);
  EXPECT_TRUE(runs("a"));
  daemon_.signal(SIGCONT);
  EXPECT_TRUE(observer_.waitFor("b", EntryState::kCrashed, from_));
  EXPECT_FALSE(observer_.waitForEnd("update")->error);
  expectUntouched();
  EXPECT_TRUE(eventually([&] { return runs("b"); }));
  expectAgreementInTwoSeconds();
}

TEST_F(DockerFaults, EngineThatIsKilledAndRestoresLosesNothing) {
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

TEST_F(DockerFaults, EngineThatIsRestartedAndRestoresLosesNothing) {
  liveRestore(true);
  restartBy(SIGTERM);
  expectAgreementInTwoSeconds();
  expectUntouched();
}

TEST_F(DockerFaults, CrashWhileAnEngineThatRestoresIsAwayIsACrash) {
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

TEST_F(DockerFaults, EngineThatTakesItsServersAlongStartsThemAgain) {
  liveRestore(false);
  restartBy(SIGTERM);
  expectStartedAgain();
}

TEST_F(DockerFaults, EngineThatIsKilledAndDoesNotRestoreStartsThemAgain) {
  liveRestore(false);
  restartBy(SIGKILL);
  expectStartedAgain();
}

}  // namespace
}  // namespace control

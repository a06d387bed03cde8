// A supervisor on a real Podman service that is frozen, killed and started again. Its containers
// have monitors of their own and live on.

#include "faults/supervised.h"

namespace control {
namespace {

using namespace std::chrono_literals;

const test::PrivateEngine& engine() {
  static const test::PrivateEngine engine({"podman", "CONTROL_TEST_PODMAN_OWN", "podman.sh", ""});
  return engine;
}

class PodmanFaults : public test::Supervised {
 protected:
  PodmanFaults() : Supervised(engine(), "podman") {}
};

TEST_F(PodmanFaults, ServiceThatIsKilledLosesNothing) {
  daemon_.signal(SIGKILL);
  daemon_.awaitEnd();
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kUnknown, from_));
  EXPECT_GT(pace("a"), 0);
  daemon_.start();
  expectAgreementInTwoSeconds();
  expectUntouched();
}

TEST_F(PodmanFaults, FrozenServiceStopsNothingAndIsCaughtUpWith) {
  const int pace_before = pace("a");
  daemon_.signal(SIGSTOP);
  // Not frozen; what else the machine does slows it as well.
  EXPECT_GT(pace("a"), pace_before / 10);
  ASSERT_EQ(::kill(*supervisor_->status("b")->pid, SIGKILL), 0);
  std::this_thread::sleep_for(3s);
  EXPECT_TRUE(runs("a"));
  daemon_.signal(SIGCONT);
  EXPECT_TRUE(observer_.waitFor("b", EntryState::kCrashed, from_));
  expectUntouched();
  EXPECT_TRUE(eventually([&] { return runs("b"); }));
  expectAgreementInTwoSeconds();
}

}  // namespace
}  // namespace control

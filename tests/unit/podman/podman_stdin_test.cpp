// What is kept of the stdin of containers without a terminal.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/footprint.h"
#include "unit/podman/podman_scripted.h"

namespace control::test {
namespace {

using std::chrono::milliseconds;

constexpr const char* kUpgraded =
    "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
constexpr const char* kNoContainer =
    R"({"cause":"no such container","message":"no such container"})";

Result<std::unique_ptr<Console>> attachInput(ContainerRuntime& runtime, const std::string& id) {
  return runtime.attach({id}, {.standard_output = false, .standard_error = false}, soon());
}

template <class Holds>
bool eventually(const Holds& holds) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds() && std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(milliseconds(1));
  return holds();
}

class PodmanStdin : public ::testing::Test {
 protected:
  std::atomic<bool> gone_{false};  ///< others removed the container
  std::atomic<bool> removal_fails_{false};
  std::atomic<bool> input_ends_{false};
  std::atomic<int> closed_{0};  ///< inputs, by us

  ScriptedEngine engine_{podmanScript("5.4.2", [this](const Request& request, Peer& peer) {
    if (has(request, "/attach")) {
      peer.send(kUpgraded);
      if (input_ends_) return false;
      peer.waitForClose();
      ++closed_;
      return false;
    }
    if (request.method == "DELETE" && removal_fails_) {
      peer.reply(500, R"({"cause":"internal","message":"internal"})");
    } else if (gone_) {
      peer.reply(404, kNoContainer);
    } else {
      const std::size_t begin = request.target.find("/containers/") + 12;
      const std::string id =
          has(request, "/containers/web") ? kId : request.target.substr(begin, 64);
      std::string text = inspection("running");
      peer.reply(200, text.replace(text.find(kId), kId.size(), id));
    }
    return true;
  })};
  std::shared_ptr<ContainerRuntime> runtime_ = opened(engine_);
};

TEST_F(PodmanStdin, OfWhatOthersRemovedIsClosedByARemoval) {
  ASSERT_TRUE(attachInput(*runtime_, kId));
  gone_ = true;
  EXPECT_EQ(must(runtime_->remove({kId}, {}, soon())), RemoveOutcome::kAbsent);
  EXPECT_TRUE(eventually([&] { return closed_ == 1; }));
}

TEST_F(PodmanStdin, OfWhatOthersRemovedIsClosedByARemovalByForce) {
  ASSERT_TRUE(attachInput(*runtime_, kId));
  gone_ = true;
  EXPECT_EQ(must(runtime_->remove({kId}, {.force = true}, soon())), RemoveOutcome::kAbsent);
  EXPECT_TRUE(eventually([&] { return closed_ == 1; }));
}

TEST_F(PodmanStdin, IsClosedByARemovalByName) {
  ASSERT_TRUE(attachInput(*runtime_, kId));
  EXPECT_EQ(must(runtime_->remove({"web"}, {.force = true}, soon())), RemoveOutcome::kRemoved);
  EXPECT_TRUE(eventually([&] { return closed_ == 1; }));
}

TEST_F(PodmanStdin, OfWhatVanishesDuringItsRemovalIsClosed) {
  ASSERT_TRUE(attachInput(*runtime_, kId));
  gone_ = removal_fails_ = true;
  EXPECT_EQ(must(runtime_->remove({kId}, {.force = true}, soon())), RemoveOutcome::kRemoved);
  EXPECT_TRUE(eventually([&] { return closed_ == 1; }));
}

TEST_F(PodmanStdin, ThatHasEndedKeepsNoDescriptors) {
  input_ends_ = true;
  const std::size_t before = Footprint::now().descriptors;
  for (char digit : std::string("0123456789bcdef")) {
    const auto console = attachInput(*runtime_, std::string(64, digit));
    ASSERT_TRUE(console) << console.error().message;
    const auto end = (*console)->next(soon());
    ASSERT_TRUE(end && !*end);
    EXPECT_CODE((*console)->write("x", soon()), ErrorCode::kWrongState);
  }
  // Those of the last one, and what the engine has not closed yet.
  EXPECT_TRUE(eventually([&] { return Footprint::now().descriptors < before + 10; }))
      << Footprint::now().descriptors;
}

TEST_F(PodmanStdin, ThatHasEndedStaysSoForItsRun) {
  input_ends_ = true;
  const auto first = attachInput(*runtime_, kId);
  ASSERT_TRUE(first && (*first)->next(soon()));
  ASSERT_TRUE(attachInput(*runtime_, std::string(64, 'b')));
  EXPECT_CODE(attachInput(*runtime_, kId), ErrorCode::kWrongState);
}

}  // namespace
}  // namespace control::test

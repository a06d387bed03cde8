#include "supervised_engine.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using testing::Primitive;

/// Images that take a while to come.
class PullsTest : public test::SupervisedEngine {
 protected:
  static constexpr const char* kImage = "example/pullable:1";

  PullsTest() {
    EXPECT_TRUE(
        control().inject({.when = {.primitive = Primitive::kPull}, .then = {.latency = 10s}}));
    open();
  }
  static EntrySpec pulling() {
    EntrySpec spec = server();
    spec.container.image = kImage;
    return spec;
  }
  bool isPulled(std::size_t times) {
    return eventually([&] { return callsOf(Primitive::kPull) == times; });
  }
  /// However late the engine begins to wait.
  void finish() {
    EXPECT_TRUE(passUntil([&] {
      for (const testing::JournalEntry& one : control().journal())
        if (one.primitive == Primitive::kPull && !one.finished) return false;
      return true;
    }));
  }
};

TEST_F(PullsTest, ManyWhoNeedAnImagePullItOnce) {
  for (int i = 0; i < 20; ++i) {
    const std::string name = "a" + std::to_string(i);
    ASSERT_TRUE(supervisor_->create(name, pulling(), name));
  }
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(becomes("a" + std::to_string(i), EntryState::kPulling));
  ASSERT_TRUE(isPulled(1));
  finish();
  for (int i = 0; i < 20; ++i) {
    const auto end = observer_.waitForEnd("a" + std::to_string(i));
    ASSERT_TRUE(end);
    EXPECT_FALSE(end->error) << end->error->message;
  }
  EXPECT_EQ(callsOf(Primitive::kPull), 1U);
  // Those who came too late for its progress found the image.
  EXPECT_GE(observer_.pulls().size(), 2U);
}

TEST_F(PullsTest, WhoGivesUpDoesNotTakeTheOthersAlong) {
  ASSERT_TRUE(supervisor_->create("first", pulling(), "first"));
  ASSERT_TRUE(isPulled(1));
  ASSERT_TRUE(supervisor_->create("second", pulling(), "second"));
  ASSERT_TRUE(becomes("second", EntryState::kPulling));
  ASSERT_TRUE(supervisor_->remove("first", "remove"));
  ASSERT_TRUE(observer_.waitForEnd("remove"));
  EXPECT_EQ(observer_.waitForEnd("first")->error->code, ErrorCode::kCancelled);
  ASSERT_TRUE(isPulled(2));
  // One who only waited gives up, and the pull goes on.
  ASSERT_TRUE(supervisor_->create("third", pulling(), "third"));
  ASSERT_TRUE(becomes("third", EntryState::kPulling));
  ASSERT_TRUE(supervisor_->remove("third", "remove third"));
  EXPECT_EQ(observer_.waitForEnd("third")->error->code, ErrorCode::kCancelled);
  finish();
  EXPECT_FALSE(observer_.waitForEnd("second")->error);
  EXPECT_EQ(callsOf(Primitive::kPull), 2U);
}

TEST_F(PullsTest, OtherCredentialsPullForThemselves) {
  PullOptions mine{.credentials = RegistryCredentials{.username = "me", .password = "right"}};
  PullOptions wrong{.credentials = RegistryCredentials{.username = "me", .password = "wrong"}};
  ASSERT_TRUE(supervisor_->pull(kImage, mine, "mine"));
  ASSERT_TRUE(isPulled(1));
  ASSERT_TRUE(supervisor_->pull(kImage, wrong, "wrong"));
  ASSERT_TRUE(supervisor_->pull(kImage, mine, "again"));
  ASSERT_TRUE(isPulled(2));
  finish();
  EXPECT_FALSE(observer_.waitForEnd("mine")->error);
  EXPECT_FALSE(observer_.waitForEnd("again")->error);
  EXPECT_EQ(observer_.waitForEnd("wrong")->error->code, ErrorCode::kPermissionDenied);
}

TEST_F(PullsTest, WhoLacksAnImageWaitsForItsRenewalToo) {
  ASSERT_TRUE(supervisor_->pull(kImage, {}, "renewal"));
  ASSERT_TRUE(isPulled(1));
  ASSERT_TRUE(supervisor_->create("a", pulling(), "a"));
  ASSERT_TRUE(supervisor_->create("b", pulling(), "b"));
  ASSERT_TRUE(becomes("a", EntryState::kPulling));
  ASSERT_TRUE(becomes("b", EntryState::kPulling));
  testing::awaitOtherThreads();
  ASSERT_TRUE(supervisor_->remove("b", "remove"));
  EXPECT_EQ(observer_.waitForEnd("b")->error->code, ErrorCode::kCancelled);
  finish();
  EXPECT_FALSE(observer_.waitForEnd("renewal")->error);
  EXPECT_FALSE(observer_.waitForEnd("a")->error);
  EXPECT_EQ(callsOf(Primitive::kPull), 1U);
}

TEST_F(PullsTest, WhoHasAnImageDoesNotWaitForItsRenewal) {
  const std::string image = server().container.image;
  ASSERT_TRUE(supervisor_->pull(image, {}, "renewal"));
  ASSERT_TRUE(isPulled(1));
  create("a");
  EXPECT_EQ(observer_.endsOf("renewal"), 0U);
  finish();
  EXPECT_FALSE(observer_.waitForEnd("renewal")->error);
}

TEST_F(PullsTest, RenewalDoesNotWaitForWhoOnlyLacksIt) {
  ASSERT_TRUE(supervisor_->create("a", pulling(), "a"));
  ASSERT_TRUE(isPulled(1));
  ASSERT_TRUE(supervisor_->pull(kImage, {}, "renewal"));
  ASSERT_TRUE(isPulled(2));
  finish();
  EXPECT_FALSE(observer_.waitForEnd("a")->error);
  EXPECT_FALSE(observer_.waitForEnd("renewal")->error);
}

TEST_F(PullsTest, TheLatestIsTheSameWithAndWithoutItsTag) {
  ASSERT_TRUE(supervisor_->pull("host:5000/pullable", {}, "without"));
  ASSERT_TRUE(isPulled(1));
  ASSERT_TRUE(supervisor_->pull("host:5000/pullable:latest", {}, "with"));
  ASSERT_TRUE(supervisor_->pull("host:5000/pullable:other", {}, "other"));
  ASSERT_TRUE(isPulled(2));
  testing::awaitOtherThreads();
  finish();
  for (const char* operation : {"without", "with", "other"})
    EXPECT_FALSE(observer_.waitForEnd(operation)->error) << operation;
  EXPECT_EQ(callsOf(Primitive::kPull), 2U);
}

}  // namespace
}  // namespace control

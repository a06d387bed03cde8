// What a test can do to the mock engine behind a runtime's back.

#include <thread>

#include <libcontrol/images.h>

#include "mock_fixture.h"

namespace control::mock {
namespace {

using testing::Primitive;

class MockControlTest : public MockTest {};

TEST_F(MockControlTest, EndsRunsInThreeWays) {
  const ContainerId id = run({});
  ASSERT_TRUE(mock->crash(id, 7));
  EXPECT_EQ(exitCode(id), 7);
  ASSERT_TRUE(runtime->start(id, {}));
  ASSERT_TRUE(mock->kill(id, Signal{11}));
  EXPECT_EQ(look(id).exit->signal, Signal{11});
  ASSERT_TRUE(runtime->start(id, {}));
  ASSERT_TRUE(mock->oom(id));
  EXPECT_EQ(look(id).exit->oom_killed, true);
  EXPECT_FAILS(mock->crash(id, 1), kWrongState);
  EXPECT_FAILS(mock->crash({"nobody"}, 1), kNotFound);
}

TEST_F(MockControlTest, PausingStopsTheTimeOfAProcess) {
  const ContainerId id = runWith({{"mock.run_for", "5s"}});
  clock->advance(2s);
  ASSERT_TRUE(mock->pause(id));
  clock->advance(1h);
  EXPECT_EQ(state(id), ContainerState::kPaused);
  ASSERT_TRUE(mock->unpause(id));
  clock->advance(2999ms);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  clock->advance(1ms);
  EXPECT_EQ(exitCode(id), 0);
}

TEST_F(MockControlTest, PausedContainerGetsItsSignalLaterButDiesOfSigkill) {
  const ContainerId id = run({});
  ASSERT_TRUE(mock->pause(id));
  ASSERT_TRUE(runtime->signal(id, Signal::term(), {}));
  EXPECT_EQ(state(id), ContainerState::kPaused);
  ASSERT_TRUE(mock->unpause(id));
  EXPECT_EQ(exitCode(id), 0);
  ASSERT_TRUE(runtime->start(id, {}));
  ASSERT_TRUE(mock->pause(id));
  ASSERT_TRUE(runtime->signal(id, Signal::kill(), {}));
  EXPECT_EQ(exitCode(id), 137);
}

TEST_F(MockControlTest, HungContainerHoldsUpItsOwnCallsOnly) {
  const ContainerId hung = run({});
  const ContainerId other = run({});
  ASSERT_TRUE(mock->setHung(hung, true));
  std::thread blocked([&] {
    EXPECT_FAILS(runtime->inspect(hung, CallContext::within(5s, *clock)), kDeadlineExceeded);
  });
  clock->awaitWaiters(1);
  EXPECT_TRUE(runtime->inspect(other, {}));
  EXPECT_EQ(runtime->list({}, {})->size(), 2u);
  clock->advance(5s);
  blocked.join();
}

TEST_F(MockControlTest, HungCallGoesOnWhenTheContainerDoes) {
  const ContainerId id = run({});
  ASSERT_TRUE(mock->setHung(id, true));
  std::thread blocked([&] { EXPECT_TRUE(runtime->inspect(id, {})); });
  clock->awaitWaiters(1);
  ASSERT_TRUE(mock->setHung(id, false));
  blocked.join();
}

TEST_F(MockControlTest, EngineDownFailsCallsAndEndsStreamsButNoContainer) {
  const ContainerId id = run({});
  auto events = runtime->events({}, {});
  auto watch = runtime->watchExit(id, {});
  auto log = runtime->logs(id, {.follow = true}, {});
  std::thread waiting([&] { EXPECT_FAILS((*watch)->exited({}), kUnavailable); });
  clock->awaitWaiters(1);
  mock->engineDown(true);
  waiting.join();
  EXPECT_FAILS(runtime->info({}), kUnavailable);
  EXPECT_FAILS((*events)->next({}), kUnavailable);
  EXPECT_FAILS((*log)->next({}), kUnavailable);
  mock->engineDown(false);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  EXPECT_FAILS((*events)->next({}), kUnavailable);
}

TEST_F(MockControlTest, FailsTheNextCallsAsToldAndNoOthers) {
  mock->failNext(Primitive::kList, {.code = ErrorCode::kPermissionDenied, .message = "no"}, 2);
  EXPECT_TRUE(runtime->info({}));
  EXPECT_FAILS(runtime->list({}, {}), kPermissionDenied);
  EXPECT_FAILS(runtime->list({}, {}), kPermissionDenied);
  EXPECT_TRUE(runtime->list({}, {}));
}

TEST_F(MockControlTest, AddsAndRemovesImages) {
  mock->removeImage("a:1");
  EXPECT_FAILS(runtime->findImage("a:1", {}), kImageNotFound);
  mock->addImage("mock/missing:latest");
  EXPECT_TRUE(runtime->findImage("mock/missing:latest", {}));
}

TEST_F(MockControlTest, ImageStoreHeedsDeadlinesAndCancellation) {
  auto* const images = runtime->extension<ImageStore>();
  ASSERT_NE(images, nullptr);
  mock->addImage("a:1");
  std::stop_source stop;
  stop.request_stop();
  const CallContext cancelled{.cancellation = stop.get_token()};
  EXPECT_FAILS(images->listImages(kAtOnce), kDeadlineExceeded);
  EXPECT_FAILS(images->listImages(cancelled), kCancelled);
  EXPECT_FAILS(images->removeImage("a:1", kAtOnce), kDeadlineExceeded);
  EXPECT_FAILS(images->removeImage("a:1", cancelled), kCancelled);
  ASSERT_EQ(images->listImages({})->size(), 1u) << "nothing was removed";
  EXPECT_EQ(*images->removeImage("a:1", {}), RemoveOutcome::kRemoved);
}

TEST_F(MockControlTest, JournalHoldsTheCallsInTheirOrder) {
  const ContainerId id = run({});
  send(id, 15);
  (void)runtime->inspect({"nobody"}, {});
  const auto journal = mock->journal();
  ASSERT_EQ(journal.size(), 4u);
  EXPECT_EQ(journal[0].primitive, Primitive::kCreate);
  EXPECT_EQ(journal[2].detail, "SIGTERM");
  EXPECT_EQ(journal[2].subject, id.value);
  EXPECT_FALSE(journal[2].error);
  EXPECT_TRUE(journal[3].finished);
  EXPECT_EQ(journal[3].error, ErrorCode::kNotFound);
}

TEST_F(MockControlTest, ResetLeavesNothing) {
  run({});
  mock->engineDown(true);
  mock->reset();
  EXPECT_TRUE(mock->journal().empty());
  EXPECT_TRUE(runtime->list({}, {})->empty());
}

TEST(MockControlOnARealClock, CannotAdvance) {
  const auto opened = openMock("mock:///real-clock?clock=real");
  EXPECT_FAILS((*opened)->extension<testing::MockControl>()->advance(1s), kUnsupported);
}

}  // namespace
}  // namespace control::mock

// What rules do to streams and to events.

#include "mock_fixture.h"

namespace control::mock {
namespace {

using ::testing::ElementsAre;
using testing::Primitive;

class MockStreamFaultTest : public MockTest {
 protected:
  void cut(Primitive primitive, testing::StreamPoint point, std::optional<Error> error = {}) {
    const auto injected =
        mock->inject({.when = {.primitive = primitive},
                      .then = {.error = std::move(error), .truncate_stream = point}});
    ASSERT_TRUE(injected) << injected.error().message;
  }
  void stall(Primitive primitive, testing::StreamPoint point) {
    const auto injected =
        mock->inject({.when = {.primitive = primitive}, .then = {.stall_stream = point}});
    ASSERT_TRUE(injected) << injected.error().message;
  }
};

TEST_F(MockStreamFaultTest, CutsALogAfterSoManyBytes) {
  const ContainerId id = runScript("echo 0123456789; sleep 100");
  cut(Primitive::kLogs, {.bytes = 4});
  auto log = runtime->logs(id, {}, {});
  EXPECT_EQ((*(*log)->next({}))->bytes, "0123");
  EXPECT_FAILS((*log)->next({}), kUnavailable);
  EXPECT_FAILS((*log)->next({}), kUnavailable);
}

TEST_F(MockStreamFaultTest, CutsALogAtOnceOrAfterSoManyItems) {
  const ContainerId id = runScript("echo one; echo two; sleep 100");
  cut(Primitive::kLogs, {.items = 1});
  auto log = runtime->logs(id, {.follow = true}, {});
  EXPECT_EQ((*(*log)->next({}))->bytes, "one\n");
  EXPECT_FAILS((*log)->next({}), kUnavailable);
  mock->reset();
  const ContainerId again = runScript("echo one; sleep 100");
  cut(Primitive::kLogs, {.items = 0});
  EXPECT_FAILS((*runtime->logs(again, {}, {}))->next({}), kUnavailable);
}

TEST_F(MockStreamFaultTest, CutsAnExecBeforeItsExitCode) {
  const ContainerId id = run({});
  cut(Primitive::kExec, {.items = 1});
  auto session = runtime->exec(id, {.command = {"sh", "-c", "echo a; echo b"}}, {});
  EXPECT_TRUE((*session)->next({}));
  EXPECT_FAILS((*session)->next({}), kUnavailable);
  EXPECT_FAILS((*session)->exitCode({}), kUnavailable);
}

TEST_F(MockStreamFaultTest, CutsAnAttachedConsole) {
  const ContainerId id = run({.open_stdin = true});
  cut(Primitive::kAttach, {.bytes = 2});
  auto console = runtime->attach(id, {.standard_output = true}, {});
  ASSERT_TRUE(mock->print(id, "abcdef"));
  EXPECT_EQ((*(*console)->next({}))->bytes, "ab");
  EXPECT_FAILS((*console)->next({}), kUnavailable);
  EXPECT_FAILS((*console)->write("x", {}), kUnavailable);
}

TEST_F(MockStreamFaultTest, CutsEvents) {
  cut(Primitive::kEvents, {.items = 1});
  auto events = runtime->events({}, {});
  run({});
  EXPECT_EQ((*(*events)->next({}))->type, EventType::kCreated);
  EXPECT_FAILS((*events)->next({}), kUnavailable);
}

TEST_F(MockStreamFaultTest, CutsAPullWhichLeavesNoImage) {
  cut(Primitive::kPull, {.items = 3});
  auto pull = runtime->pull("mock/pullable:1", {}, {});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE((*pull)->next({}));
  EXPECT_FAILS((*pull)->next({}), kUnavailable);
  EXPECT_FAILS(runtime->findImage("mock/pullable:1", {}), kImageNotFound);
}

TEST_F(MockStreamFaultTest, FailsAPullInTheMiddleWithTheErrorOfTheRule) {
  cut(Primitive::kPull, {.items = 2},
      Error{.code = ErrorCode::kPermissionDenied, .message = "denied"});
  auto pull = runtime->pull("mock/pullable:1", {}, {});
  EXPECT_TRUE((*pull)->next({}));
  EXPECT_TRUE((*pull)->next({}));
  EXPECT_FAILS((*pull)->next({}), kPermissionDenied);
}

TEST_F(MockStreamFaultTest, LosesTheConnectionOfAWatchInPlaceOfTheExit) {
  const ContainerId id = run({});
  cut(Primitive::kWatchExit, {.items = 0});
  auto watch = runtime->watchExit(id, {});
  EXPECT_FAILS((*watch)->exited(kAtOnce), kDeadlineExceeded);
  send(id, 9);
  EXPECT_FAILS((*watch)->noticed({}), kUnavailable);
  EXPECT_FAILS((*watch)->exited({}), kUnavailable);
}

TEST_F(MockStreamFaultTest, StallsAPullUntilItsIdleTimeout) {
  clock->setAutoAdvance(true);
  stall(Primitive::kPull, {.items = 2});
  auto pull = runtime->pull("mock/pullable:1", {.idle_timeout = 30s}, {});
  EXPECT_TRUE((*pull)->next({}));
  EXPECT_TRUE((*pull)->next({}));
  const TimePoint began = clock->now();
  EXPECT_FAILS((*pull)->next(CallContext::within(10s, *clock)), kDeadlineExceeded);
  EXPECT_FAILS((*pull)->next({}), kUnavailable);
  EXPECT_EQ(clock->now() - began, 30s);
}

TEST_F(MockStreamFaultTest, StallsALogAndAWatch) {
  const ContainerId id = runScript("echo one; echo two; sleep 100");
  stall(Primitive::kLogs, {.items = 1});
  stall(Primitive::kWatchExit, {.items = 0});
  auto log = runtime->logs(id, {.follow = true}, {});
  auto watch = runtime->watchExit(id, {});
  EXPECT_TRUE((*log)->next({}));
  send(id, 9);
  EXPECT_FAILS((*log)->next(kAtOnce), kDeadlineExceeded);
  EXPECT_FAILS((*watch)->exited(kAtOnce), kDeadlineExceeded);
}

TEST_F(MockStreamFaultTest, StallsAnExecBeforeItsExitCode) {
  const ContainerId id = run({});
  stall(Primitive::kExec, {.bytes = 4});
  auto session = runtime->exec(id, {.command = {"echo", "0123456789"}}, {});
  EXPECT_EQ((*(*session)->next({}))->bytes, "0123");
  EXPECT_FAILS((*session)->next(kAtOnce), kDeadlineExceeded);
  EXPECT_FAILS((*session)->exitCode({}), kWrongState);
}

TEST_F(MockStreamFaultTest, GivesAnExitCodeOnceTheEndWasTold) {
  const ContainerId id = run({});
  auto session = runtime->exec(id, {.command = {"true"}}, {});
  EXPECT_FAILS((*session)->exitCode({}), kWrongState);
  EXPECT_EQ(readAll(**session), "");
  EXPECT_EQ(*(*session)->exitCode({}), 0);
}

class MockEventFaultTest : public MockTest {
 protected:
  void SetUp() override {
    MockTest::SetUp();
    events = std::move(*runtime->events({}, {}));
  }
  void TearDown() override {
    events.reset();
    MockTest::TearDown();
  }
  std::vector<std::string> told() {
    std::vector<std::string> words;
    while (auto event = events->next(kAtOnce)) words.push_back((*event)->raw_type);
    return words;
  }
  void inject(testing::RuleCondition when, testing::RuleAction then) {
    const auto injected = mock->inject({.when = std::move(when), .then = std::move(then)});
    ASSERT_TRUE(injected) << injected.error().message;
  }
  std::unique_ptr<EventStream> events;
};

TEST_F(MockEventFaultTest, LosesEventsSilently) {
  inject({.event = EventType::kStarted}, {.lose_events = 1});
  const ContainerId id = run({});
  send(id, 9);
  EXPECT_THAT(told(), ElementsAre("create", "kill", "die"));
}

TEST_F(MockEventFaultTest, LosesEventsWithAGap) {
  inject({.event = EventType::kStarted}, {.lose_events = 2, .tell_gap = true});
  const ContainerId id = run({});
  send(id, 9);
  EXPECT_THAT(told(), ElementsAre("create", "gap", "die"));
}

TEST_F(MockEventFaultTest, TellsAnEventTwice) {
  inject({.event = EventType::kExited}, {.duplicate_event = true});
  const ContainerId id = run({});
  send(id, 9);
  EXPECT_THAT(told(), ElementsAre("create", "start", "kill", "die", "die"));
}

TEST_F(MockEventFaultTest, LosesWhatFollowsACall) {
  inject({.primitive = Primitive::kStart}, {.lose_events = 1});
  run({});
  EXPECT_THAT(told(), ElementsAre("create"));
}

TEST_F(MockEventFaultTest, TellsTwiceWhatFollowsACall) {
  inject({.primitive = Primitive::kStart}, {.duplicate_event = true});
  run({});
  EXPECT_THAT(told(), ElementsAre("create", "start", "start"));
}

TEST_F(MockEventFaultTest, ActsOnEventsOfOneContainerAlone) {
  inject({.any_event = true, .name = "deaf"}, {.lose_events = 1});
  run({.name = "deaf"});
  run({.name = "other"});
  EXPECT_THAT(told(), ElementsAre("create", "start"));
}

TEST_F(MockEventFaultTest, LosesTheNextOnesOnDemand) {
  mock->loseEvents(2);
  run({});
  run({});
  mock->loseEvents(1, true);
  run({});
  EXPECT_THAT(told(), ElementsAre("create", "start", "gap", "start"));
}

}  // namespace
}  // namespace control::mock

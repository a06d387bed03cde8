#include <libcontrol/testing/matchers.h>
#include <libcontrol/testing/mock_container_runtime.h>
#include <libcontrol/testing/mock_control.h>

#include <array>

namespace control::testing {
namespace {

using ::testing::_;
using ::testing::HasSubstr;
using ::testing::NiceMock;
using ::testing::Return;

const ContainerId kId{"web"};

auto saysItHasNoAnswerFor(const std::string& method) {
  return FailsWith(ErrorCode::kUnsupported, HasSubstr("no expectation was set for " + method));
}

TEST(MockContainerRuntime, SaysOfEachCallThatTheTestHasNoAnswerForIt) {
  NiceMock<MockContainerRuntime> runtime;
  EXPECT_THAT(runtime.info({}), saysItHasNoAnswerFor("ContainerRuntime::info"));
  EXPECT_THAT(runtime.create({}, {}), saysItHasNoAnswerFor("ContainerRuntime::create"));
  EXPECT_THAT(runtime.start(kId, {}), saysItHasNoAnswerFor("ContainerRuntime::start"));
  EXPECT_THAT(runtime.signal(kId, Signal::term(), {}),
              saysItHasNoAnswerFor("ContainerRuntime::signal"));
  EXPECT_THAT(runtime.watchExit(kId, {}), saysItHasNoAnswerFor("ContainerRuntime::watchExit"));
  EXPECT_THAT(runtime.remove(kId, {}, {}), saysItHasNoAnswerFor("ContainerRuntime::remove"));
  EXPECT_THAT(runtime.inspect(kId, {}), saysItHasNoAnswerFor("ContainerRuntime::inspect"));
  EXPECT_THAT(runtime.list({}, {}), saysItHasNoAnswerFor("ContainerRuntime::list"));
  EXPECT_THAT(runtime.update(kId, {}, {}), saysItHasNoAnswerFor("ContainerRuntime::update"));
  EXPECT_THAT(runtime.logs(kId, {}, {}), saysItHasNoAnswerFor("ContainerRuntime::logs"));
  EXPECT_THAT(runtime.attach(kId, {}, {}), saysItHasNoAnswerFor("ContainerRuntime::attach"));
  EXPECT_THAT(runtime.exec(kId, {}, {}), saysItHasNoAnswerFor("ContainerRuntime::exec"));
  EXPECT_THAT(runtime.events({}, {}), saysItHasNoAnswerFor("ContainerRuntime::events"));
  EXPECT_THAT(runtime.pull("a:1", {}, {}), saysItHasNoAnswerFor("ContainerRuntime::pull"));
  EXPECT_THAT(runtime.findImage("a:1", {}), saysItHasNoAnswerFor("ContainerRuntime::findImage"));
  EXPECT_EQ(runtime.extension("anything"), nullptr);
  const std::array ids{kId, ContainerId{"db"}};
  EXPECT_THAT(runtime.stats(ids, {}),
              ::testing::ElementsAre(saysItHasNoAnswerFor("ContainerRuntime::stats"),
                                     saysItHasNoAnswerFor("ContainerRuntime::stats")));
}

TEST(MockContainerRuntime, SaysTheSameThroughAComposedOperation) {
  NiceMock<MockContainerRuntime> runtime;
  EXPECT_THAT(runtime.stop(kId, {}, {}), saysItHasNoAnswerFor("ContainerRuntime::inspect"));
}

TEST(MockContainerRuntime, SaysTheSameOfAnExpectationWithoutAnAnswer) {
  MockContainerRuntime runtime;
  EXPECT_CALL(runtime, start);
  EXPECT_THAT(runtime.start(kId, {}), saysItHasNoAnswerFor("ContainerRuntime::start"));
}

TEST(MockContainerRuntime, LetsATestPutItsOwnAnswerInTheirPlace) {
  NiceMock<MockContainerRuntime> runtime;
  ON_CALL(runtime, start).WillByDefault(Return(StartOutcome::kAlreadyRunning));
  EXPECT_THAT(runtime.start(kId, {}), IsOkAnd(StartOutcome::kAlreadyRunning));
  EXPECT_CALL(runtime, start(kId, _)).WillOnce(Return(Error{.code = ErrorCode::kNotFound}));
  EXPECT_THAT(runtime.start(kId, {}), FailsWith(ErrorCode::kNotFound));
}

TEST(MockContainerRuntime, HasExtensionsByTheirType) {
  MockContainerRuntime runtime;
  EXPECT_CALL(runtime, extension(MockControl::kExtensionName)).WillOnce(Return(nullptr));
  EXPECT_EQ(runtime.extension<MockControl>(), nullptr);
}

TEST(MockStreams, SayOfEachCallThatTheTestHasNoAnswerForIt) {
  NiceMock<MockLogStream> log;
  EXPECT_THAT(log.next({}), saysItHasNoAnswerFor("LogStream::next"));
  NiceMock<MockEventStream> events;
  EXPECT_THAT(events.next({}), saysItHasNoAnswerFor("EventStream::next"));
  NiceMock<MockPullStream> pull;
  EXPECT_THAT(pull.next({}), saysItHasNoAnswerFor("PullStream::next"));
  NiceMock<MockConsole> console;
  EXPECT_THAT(console.next({}), saysItHasNoAnswerFor("Console::next"));
  EXPECT_THAT(console.write("a", {}), saysItHasNoAnswerFor("Console::write"));
  EXPECT_THAT(console.closeInput({}), saysItHasNoAnswerFor("Console::closeInput"));
  NiceMock<MockExecSession> session;
  EXPECT_THAT(session.next({}), saysItHasNoAnswerFor("ExecSession::next"));
  EXPECT_THAT(session.write("a", {}), saysItHasNoAnswerFor("ExecSession::write"));
  EXPECT_THAT(session.exitCode({}), saysItHasNoAnswerFor("ExecSession::exitCode"));
  EXPECT_THAT(session.resize(80, 25, {}), saysItHasNoAnswerFor("ExecSession::resize"));
  NiceMock<MockExitWatch> watch;
  EXPECT_THAT(watch.noticed({}), saysItHasNoAnswerFor("ExitWatch::noticed"));
  EXPECT_THAT(watch.exited({}), saysItHasNoAnswerFor("ExitWatch::exited"));
}

TEST(MockStreams, HaveNoDescriptor) {
  EXPECT_EQ(NiceMock<MockLogStream>().pollFd(), -1);
  EXPECT_EQ(NiceMock<MockConsole>().pollFd(), -1);
  EXPECT_EQ(NiceMock<MockExitWatch>().pollFd(), -1);
}

TEST(MockStreams, AreGivenAwayOnce) {
  MockContainerRuntime runtime;
  auto log = std::make_unique<MockLogStream>();
  EXPECT_CALL(*log, next).WillOnce(GiveItem(Output{.bytes = "a\n"})).WillRepeatedly(GiveEnd());
  EXPECT_CALL(runtime, logs).Times(2).WillRepeatedly(Give(std::move(log)));
  const std::unique_ptr<LogStream> given = valueOf(runtime.logs(kId, {}, {}));
  EXPECT_EQ(valueOf(given->next({}))->bytes, "a\n");
  EXPECT_THAT(given->next({}), IsOkAnd(::testing::Eq(std::nullopt)));
  EXPECT_THAT(given->next({}), IsOkAnd(::testing::Eq(std::nullopt)));
  EXPECT_THAT(runtime.logs(kId, {}, {}), FailsWith(ErrorCode::kUnsupported, HasSubstr("once")));
}

TEST(MockStreams, LetTheRealStopRun) {
  MockContainerRuntime runtime;
  auto watch = std::make_unique<MockExitWatch>();
  EXPECT_CALL(*watch, noticed).WillOnce(Return(ExitStatus{.exit_code = 0}));
  EXPECT_CALL(*watch, exited).WillOnce(Return(ExitStatus{.exit_code = 0}));
  EXPECT_CALL(runtime, inspect)
      .WillOnce(Return(ContainerInfo{.id = kId, .state = ContainerState::kRunning}));
  EXPECT_CALL(runtime, watchExit).WillOnce(Give(std::move(watch)));
  EXPECT_CALL(runtime, signal(kId, Signal::term(), _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_THAT(runtime.stop(kId, {}, {}),
              IsOkAnd(::testing::Field(&StopReport::outcome, StopOutcome::kStopped)));
}

}  // namespace
}  // namespace control::testing

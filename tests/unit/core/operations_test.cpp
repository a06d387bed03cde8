#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <libcontrol/testing/mock_container_runtime.h>

namespace control {
namespace {

using ::testing::_;
using ::testing::ByMove;
using ::testing::Field;
using ::testing::InSequence;
using ::testing::NiceMock;
using ::testing::Return;
using ::testing::StrictMock;
using namespace std::chrono_literals;

const ContainerId kId{"abc"};

ContainerInfo infoOf(ContainerState state) {
  ContainerInfo info;
  info.id = kId;
  info.state = state;
  info.raw_state = std::string(toString(state));
  return info;
}

ExitStatus exitWith(int code) { return {.exit_code = code}; }

Error failure(ErrorCode code) { return {.code = code, .message = "as the test wants"}; }

class Operations : public ::testing::Test {
 protected:
  /// The watch that the next watchExit() hands out.
  testing::MockExitWatch& expectWatch() {
    auto watch = std::make_unique<NiceMock<testing::MockExitWatch>>();
    testing::MockExitWatch& reference = *watch;
    EXPECT_CALL(runtime_, watchExit(kId, _))
        .WillOnce(Return(ByMove(Result<std::unique_ptr<ExitWatch>>(std::move(watch)))));
    return reference;
  }

  StrictMock<testing::MockContainerRuntime> runtime_;
};

TEST_F(Operations, StopSendsTheRequestedSignalAndReportsTheExit) {
  ContainerInfo info = infoOf(ContainerState::kRunning);
  info.spec.stop_signal = Signal{3};
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(info));
  auto& watch = expectWatch();
  EXPECT_CALL(runtime_, signal(kId, Signal{2}, _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce(Return(exitWith(42)));
  EXPECT_CALL(watch, exited(_)).WillOnce(Return(exitWith(42)));
  const auto report = runtime_.stop(kId, {.signal = Signal{2}, .timeout = 30s}, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->outcome, StopOutcome::kStopped);
  EXPECT_EQ(report->exit->exit_code, 42);
}

TEST_F(Operations, StopTakesTheContainersOwnSignalByDefault) {
  ContainerInfo info = infoOf(ContainerState::kRunning);
  info.spec.stop_signal = Signal{3};
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(info));
  auto& watch = expectWatch();
  EXPECT_CALL(runtime_, signal(kId, Signal{3}, _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce(Return(exitWith(0)));
  EXPECT_CALL(watch, exited(_)).WillOnce(Return(exitWith(0)));
  EXPECT_TRUE(runtime_.stop(kId, {}, {}));
}

TEST_F(Operations, StopKillsOnceTheTimeoutIsOverToTheMillisecond) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kRunning)));
  auto& watch = expectWatch();
  const auto began = runtime_.clock().now();
  InSequence order;
  EXPECT_CALL(runtime_, signal(kId, Signal::term(), _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce([&](const CallContext& context) -> Result<ExitStatus> {
    const Duration waited = context.deadline - began;
    EXPECT_GE(waited, 20ms);
    EXPECT_LT(waited, 1s);
    std::mutex mutex;
    std::condition_variable nobody;
    std::unique_lock lock(mutex);
    while (runtime_.clock().waitUntil(lock, nobody, context.deadline)) {
    }
    return failure(ErrorCode::kDeadlineExceeded);
  });
  EXPECT_CALL(runtime_, signal(kId, Signal::kill(), _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce(Return(exitWith(137)));
  EXPECT_CALL(watch, exited(_)).WillOnce(Return(exitWith(137)));
  const auto report = runtime_.stop(kId, {.timeout = 20ms}, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->outcome, StopOutcome::kKilled);
}

TEST_F(Operations, StopWithoutTimeKillsAtOnceAndSendsNothingElse) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kRunning)));
  auto& watch = expectWatch();
  EXPECT_CALL(runtime_, signal(kId, Signal::kill(), _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce(Return(exitWith(137)));
  EXPECT_CALL(watch, exited(_)).WillOnce(Return(exitWith(137)));
  const auto report = runtime_.kill(kId, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->outcome, StopOutcome::kKilled);
}

TEST_F(Operations, StopOfAbsentAndOfStoppedAreOutcomes) {
  EXPECT_CALL(runtime_, inspect(kId, _))
      .WillOnce(Return(failure(ErrorCode::kNotFound)))
      .WillOnce(Return(infoOf(ContainerState::kExited)))
      .WillOnce(Return(infoOf(ContainerState::kCreated)));
  EXPECT_EQ(runtime_.stop(kId, {}, {})->outcome, StopOutcome::kAbsent);
  EXPECT_EQ(runtime_.stop(kId, {}, {})->outcome, StopOutcome::kAlreadyStopped);
  EXPECT_EQ(runtime_.stop(kId, {}, {})->outcome, StopOutcome::kAlreadyStopped);
}

TEST_F(Operations, CancelledStopKillsNothing) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kRunning)));
  auto& watch = expectWatch();
  EXPECT_CALL(runtime_, signal(kId, Signal::term(), _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce(Return(failure(ErrorCode::kCancelled)));
  const auto report = runtime_.stop(kId, {.timeout = 10s}, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(report.error().effect, Effect::kApplied) << "the signal was sent";
}

TEST_F(Operations, StopCancelledBeforeItsSignalSaysThatNothingWasSent) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(failure(ErrorCode::kCancelled)));
  const auto report = runtime_.stop(kId, {.timeout = 10s}, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().effect, Effect::kNone);
}

TEST_F(Operations, StopWhoseOwnDeadlineComesFirstKillsNothing) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kRunning)));
  auto& watch = expectWatch();
  EXPECT_CALL(runtime_, signal(kId, Signal::term(), _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce(Return(failure(ErrorCode::kDeadlineExceeded)));
  const auto report = runtime_.stop(kId, {.timeout = 10s}, CallContext::within(1ms));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(Operations, StopThatContinuesAnotherSendsNoSignal) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kRunning)));
  auto& watch = expectWatch();
  EXPECT_CALL(watch, noticed(_)).WillOnce(Return(exitWith(0)));
  EXPECT_CALL(watch, exited(_)).WillOnce(Return(exitWith(0)));
  const auto report = runtime_.stop(kId, {.timeout = 10s, .send_signal = false}, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->outcome, StopOutcome::kStopped);
}

TEST_F(Operations, StopOfAProcessThatSurvivesSigkillSaysSo) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kRunning)));
  auto& watch = expectWatch();
  EXPECT_CALL(runtime_, signal(kId, Signal::kill(), _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce(Return(failure(ErrorCode::kDeadlineExceeded)));
  const auto report = runtime_.kill(kId, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(report.error().effect, Effect::kUnknown);
  EXPECT_NE(report.error().message.find("SIGKILL"), std::string::npos);
}

TEST_F(Operations, StopThatFailsWhileItArmsTheWatchSaysThatNothingWasSent) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kRunning)));
  Error lost = failure(ErrorCode::kUnavailable);
  lost.effect = Effect::kUnknown;
  EXPECT_CALL(runtime_, watchExit(kId, _))
      .WillOnce(Return(ByMove(Result<std::unique_ptr<ExitWatch>>(lost))));
  const auto report = runtime_.stop(kId, {.timeout = 10s}, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().effect, Effect::kNone);
}

TEST_F(Operations, StopWhoseSigkillIsRefusedSaysThatItsSignalWasSent) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kRunning)));
  auto& watch = expectWatch();
  InSequence order;
  EXPECT_CALL(runtime_, signal(kId, Signal::term(), _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce([&](const CallContext& context) -> Result<ExitStatus> {
    while (runtime_.clock().now() < context.deadline) {
    }
    return failure(ErrorCode::kDeadlineExceeded);
  });
  EXPECT_CALL(runtime_, signal(kId, Signal::kill(), _))
      .WillOnce(Return(failure(ErrorCode::kUnavailable)));
  const auto report = runtime_.stop(kId, {.timeout = 1ms}, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().effect, Effect::kApplied);
}

TEST_F(Operations, KillCancelledAfterItsSignalSaysThatItWasSent) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kRunning)));
  auto& watch = expectWatch();
  EXPECT_CALL(runtime_, signal(kId, Signal::kill(), _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce(Return(failure(ErrorCode::kCancelled)));
  const auto report = runtime_.kill(kId, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(report.error().effect, Effect::kApplied);
}

// The watch was armed after the end and waits for the next run, which nobody starts.
TEST_F(Operations, StopOfARunThatEndedBeforeTheWatchWasArmedReportsItsExit) {
  ContainerInfo over = infoOf(ContainerState::kExited);
  over.exit = exitWith(7);
  EXPECT_CALL(runtime_, inspect(kId, _))
      .WillOnce(Return(infoOf(ContainerState::kRunning)))
      .WillRepeatedly(Return(over));
  auto& watch = expectWatch();
  EXPECT_CALL(runtime_, signal(kId, Signal::term(), _))
      .WillOnce(Return(SignalOutcome::kNotRunning));
  ON_CALL(watch, noticed(_)).WillByDefault(Return(failure(ErrorCode::kDeadlineExceeded)));
  const auto report = runtime_.stop(kId, {.timeout = 10s}, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->outcome, StopOutcome::kStopped);
  ASSERT_TRUE(report->exit);
  EXPECT_EQ(report->exit->exit_code, 7);
}

TEST_F(Operations, StopOfAContainerInAnUnknownStateSendsTheSignal) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kUnknown)));
  auto& watch = expectWatch();
  EXPECT_CALL(runtime_, signal(kId, Signal::term(), _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce(Return(exitWith(0)));
  EXPECT_CALL(watch, exited(_)).WillOnce(Return(exitWith(0)));
  const auto report = runtime_.stop(kId, {.timeout = 10s}, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->outcome, StopOutcome::kStopped);
}

TEST_F(Operations, StopOfAContainerRemovedMeanwhileIsStopped) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kRunning)));
  auto& watch = expectWatch();
  EXPECT_CALL(runtime_, signal(kId, Signal::term(), _)).WillOnce(Return(SignalOutcome::kDelivered));
  EXPECT_CALL(watch, noticed(_)).WillOnce(Return(failure(ErrorCode::kNotFound)));
  const auto report = runtime_.stop(kId, {.timeout = 10s}, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->outcome, StopOutcome::kStopped);
  EXPECT_FALSE(report->exit);
}

TEST_F(Operations, StopWithANegativeTimeoutIsRefused) {
  const auto report = runtime_.stop(kId, {.timeout = -1s}, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(Operations, RestartOfAnAbsentContainerIsNotFound) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(failure(ErrorCode::kNotFound)));
  const auto report = runtime_.restart(kId, {}, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kNotFound);
}

TEST_F(Operations, RestartWhoseStartFailsSaysThatTheStopWasDone) {
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kExited)));
  EXPECT_CALL(runtime_, start(kId, _)).WillOnce(Return(failure(ErrorCode::kStartFailed)));
  const auto report = runtime_.restart(kId, {}, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kStartFailed);
  EXPECT_EQ(report.error().effect, Effect::kApplied);
}

TEST_F(Operations, WaitReturnsTheRecordedExitOfAStoppedContainer) {
  ContainerInfo info = infoOf(ContainerState::kExited);
  info.exit = exitWith(7);
  expectWatch();
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(info));
  const auto exit = runtime_.wait(kId, {});
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->exit_code, 7);
}

TEST_F(Operations, WaitOnAContainerThatNeverRanIsWrongState) {
  expectWatch();
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kCreated)));
  const auto exit = runtime_.wait(kId, {});
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code, ErrorCode::kWrongState);
}

TEST_F(Operations, WaitOnAContainerInAnUnknownStateWaits) {
  auto& watch = expectWatch();
  EXPECT_CALL(runtime_, inspect(kId, _)).WillOnce(Return(infoOf(ContainerState::kUnknown)));
  EXPECT_CALL(watch, exited(_)).WillOnce(Return(exitWith(7)));
  const auto exit = runtime_.wait(kId, {});
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->exit_code, 7);
}

TEST_F(Operations, RunArmsTheWatchBeforeTheStart) {
  InSequence order;
  EXPECT_CALL(runtime_, create(_, _)).WillOnce(Return(CreatedContainer{.id = kId}));
  expectWatch();
  EXPECT_CALL(runtime_, start(kId, _)).WillOnce(Return(StartOutcome::kStarted));
  const auto running = runtime_.run({.image = "x"}, {});
  ASSERT_TRUE(running);
  EXPECT_EQ(running->id, kId);
}

TEST_F(Operations, RunRemovesWhatItCouldNotStart) {
  EXPECT_CALL(runtime_, create(_, _)).WillOnce(Return(CreatedContainer{.id = kId}));
  expectWatch();
  EXPECT_CALL(runtime_, start(kId, _)).WillOnce(Return(failure(ErrorCode::kPortConflict)));
  EXPECT_CALL(runtime_, remove(kId, Field(&RemoveOptions::force, true), _))
      .WillOnce(Return(RemoveOutcome::kRemoved));
  const auto running = runtime_.run({.image = "x"}, {});
  ASSERT_FALSE(running);
  EXPECT_EQ(running.error().code, ErrorCode::kPortConflict);
  EXPECT_EQ(running.error().effect, Effect::kNone);
}

TEST_F(Operations, EnsureImageAsksNoRegistryForAnImageThatIsThere) {
  EXPECT_CALL(runtime_, findImage("x", _)).WillOnce(Return(ImageInfo{.id = "sha256:1"}));
  const auto report = runtime_.ensureImage("x", PullPolicy::kIfMissing, {}, {}, {});
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->pulled);
}

TEST_F(Operations, EnsureImageFallsBackToThePresentImageWhenAPullFails) {
  EXPECT_CALL(runtime_, findImage("x", _)).WillOnce(Return(ImageInfo{.id = "sha256:1"}));
  EXPECT_CALL(runtime_, pull("x", _, _))
      .WillOnce(
          Return(ByMove(Result<std::unique_ptr<PullStream>>(failure(ErrorCode::kUnavailable)))));
  const auto report = runtime_.ensureImage("x", PullPolicy::kAlways, {}, {}, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->image.id, "sha256:1");
  ASSERT_TRUE(report->pull_error);
  EXPECT_EQ(report->pull_error->code, ErrorCode::kUnavailable);
}

TEST_F(Operations, EnsureImageThatMayNotPullIsImageNotFound) {
  EXPECT_CALL(runtime_, findImage("x", _)).WillOnce(Return(failure(ErrorCode::kImageNotFound)));
  const auto report = runtime_.ensureImage("x", PullPolicy::kNever, {}, {}, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kImageNotFound);
}

}  // namespace
}  // namespace control

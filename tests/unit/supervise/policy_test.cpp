// Which ends are crashes, and what follows from one.

#include <functional>
#include <thread>

#include "supervised_engine.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Not;
using testing::Primitive;

class Policy : public test::SupervisedEngine {
 protected:
  Policy() { open(); }

  static EntrySpec withPolicy(RestartPolicy::Mode mode, int max_retries = 3) {
    EntrySpec spec = server();
    spec.restart = {.mode = mode, .max_retries = max_retries};
    return spec;
  }
  Transition last(const std::string& name) { return observer_.transitions(name).back(); }
  bool isStartedAgain(const std::string& name) {
    const int restarts = supervisor_->status(name)->restarts;
    return passUntil([&] {
      const auto status = supervisor_->status(name);
      return status->restarts > restarts && status->state == EntryState::kRunning;
    });
  }
};

TEST_F(Policy, ExitCodeSignalAndOomAreCrashesAndToldApart) {
  createAndStart("a", withPolicy(RestartPolicy::Mode::kOnFailure, 9));
  ASSERT_TRUE(control().crash(idOf("a"), 3));
  auto crashed = observer_.waitFor("a", EntryState::kCrashed);
  EXPECT_EQ(crashed->reason, Reason::kCrashed);
  EXPECT_EQ(crashed->exit->exit_code, 3);
  EXPECT_FALSE(crashed->exit->signal);
  ASSERT_TRUE(isStartedAgain("a"));

  std::size_t from = observer_.position();
  ASSERT_TRUE(control().kill(idOf("a"), Signal{11}));
  crashed = observer_.waitFor("a", EntryState::kCrashed, from);
  EXPECT_EQ(crashed->reason, Reason::kCrashed);
  EXPECT_EQ(crashed->exit->signal, Signal{11});
  ASSERT_TRUE(isStartedAgain("a"));

  from = observer_.position();
  ASSERT_TRUE(control().oom(idOf("a")));
  crashed = observer_.waitFor("a", EntryState::kCrashed, from);
  EXPECT_EQ(crashed->reason, Reason::kOomKilled);
  ASSERT_TRUE(isStartedAgain("a"));
}

TEST_F(Policy, NegativeCountsAndTimesAreRefused) {
  using Mode = RestartPolicy::Mode;
  for (const RestartPolicy& wrong : {RestartPolicy{.mode = Mode::kAlways, .max_retries = -1},
                                     RestartPolicy{.mode = Mode::kAlways, .first_delay = -1s}}) {
    EntrySpec spec = server();
    spec.restart = wrong;
    const auto made = supervisor_->create("a", spec, "create");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(made.error().message, ::testing::HasSubstr(wrong.toText()));
  }
}

TEST_F(Policy, EndOfWhatWasAskedToEndIsNoCrash) {
  for (const Signal signal : {Signal::term(), Signal::interrupt(), Signal{1}}) {
    const std::string name = "by" + std::to_string(signal.number);
    createAndStart(name, withPolicy(RestartPolicy::Mode::kOnFailure));
    ASSERT_TRUE(control().kill(idOf(name), signal));
    ASSERT_TRUE(becomes(name, EntryState::kStopped));
    EXPECT_EQ(last(name).reason, Reason::kExited);
  }
  clock().advance(1min);
  EXPECT_EQ(callsOf(Primitive::kStart), 3U);
}

TEST_F(Policy, ServerThatAnotherClientStopsStaysStoppedWhateverThePolicy) {
  auto spec = withPolicy(RestartPolicy::Mode::kAlways);
  spec.container.labels = {{"mock.on_signal.TERM", "exit:7"}};
  createAndStart("a", spec);
  ASSERT_TRUE(control().stopBehind(idOf("a")));
  ASSERT_TRUE(becomes("a", EntryState::kStopped));
  EXPECT_EQ(last("a").reason, Reason::kExited);
  EXPECT_EQ(last("a").exit->exit_code, 7);
  clock().advance(10min);
  EXPECT_EQ(stateOf("a"), EntryState::kStopped);
}

TEST_F(Policy, KillByAnotherClientIsACrash) {
  createAndStart("a", withPolicy(RestartPolicy::Mode::kOnFailure));
  ASSERT_TRUE(control().perform({.kind = testing::EngineAction::Kind::kSignal,
                                 .container = idOf("a").value,
                                 .signal = Signal::kill()}));
  EXPECT_TRUE(isStartedAgain("a"));
}

TEST_F(Policy, AlwaysStartsAgainWhatEndedWell) {
  createAndStart("a", withPolicy(RestartPolicy::Mode::kAlways));
  ASSERT_TRUE(control().crash(idOf("a"), 0));
  EXPECT_TRUE(isStartedAgain("a"));
  createAndStart("b", withPolicy(RestartPolicy::Mode::kOnFailure));
  ASSERT_TRUE(control().crash(idOf("b"), 0));
  EXPECT_TRUE(becomes("b", EntryState::kStopped));
}

/// When the engine was asked to start, one after the other.
std::vector<Duration> pausesOf(const std::vector<testing::JournalEntry>& journal) {
  std::vector<Duration> pauses;
  std::optional<TimePoint> before;
  for (const testing::JournalEntry& one : journal) {
    if (one.primitive != Primitive::kStart) continue;
    if (before) pauses.push_back(one.at - *before);
    before = one.at;
  }
  return pauses;
}

TEST_F(Policy, PausesDoubleFromOneSecondToFiveMinutes) {
  createAndStart("a", withPolicy(RestartPolicy::Mode::kOnFailure, 12));
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(control().crash(idOf("a"), 1));
    ASSERT_TRUE(passUntil([&] {
      return supervisor_->status("a")->restarts == i + 1 && stateOf("a") == EntryState::kRunning;
    }));
  }
  const auto pauses = pausesOf(control().journal());
  ASSERT_EQ(pauses.size(), 12U);
  Duration expected = 1s;
  for (const Duration pause : pauses) {
    EXPECT_GE(pause, expected);
    EXPECT_LE(pause, expected + 100ms);
    expected = std::min<Duration>(2 * expected, 5min);
  }
  ASSERT_TRUE(control().crash(idOf("a"), 1));
  EXPECT_TRUE(becomes("a", EntryState::kFailed));
}

TEST_F(Policy, RunThatLastsStartsTheCountAnew) {
  createAndStart("a", withPolicy(RestartPolicy::Mode::kOnFailure, 1));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(control().crash(idOf("a"), 1));
    ASSERT_TRUE(isStartedAgain("a")) << i;
    clock().advance(10min);
  }
  ASSERT_TRUE(control().crash(idOf("a"), 1));
  ASSERT_TRUE(isStartedAgain("a"));
  ASSERT_TRUE(control().crash(idOf("a"), 1));
  EXPECT_TRUE(becomes("a", EntryState::kFailed));
}

struct Refusal {
  ErrorCode code;
  Reason reason;
};

TEST_F(Policy, RestartThatIsRefusedForGoodEndsAsFailedWithItsReason) {
  const Refusal refusals[] = {{ErrorCode::kStartFailed, Reason::kStartFailed},
                              {ErrorCode::kPortConflict, Reason::kPortConflict},
                              {ErrorCode::kImageNotFound, Reason::kImageMissing}};
  for (const Refusal& one : refusals) {
    const std::string name = "r" + std::to_string(static_cast<int>(one.code));
    createAndStart(name, withPolicy(RestartPolicy::Mode::kAlways));
    control().failNext(Primitive::kStart, {.code = one.code, .message = "as the test wants"});
    ASSERT_TRUE(control().crash(idOf(name), 3));
    ASSERT_TRUE(becomesInTime(name, EntryState::kFailed));
    const Transition told = last(name);
    EXPECT_EQ(told.reason, one.reason);
    EXPECT_EQ(told.failed, OperationKind::kStart);
    ASSERT_TRUE(told.error);
    EXPECT_EQ(told.error->code, one.code);
    EXPECT_EQ(supervisor_->status(name)->restarts, 1);
  }
}

TEST_F(Policy, RestartDuringAShortageIsTriedAgain) {
  createAndStart("a", withPolicy(RestartPolicy::Mode::kAlways));
  control().failNext(Primitive::kStart,
                     {.code = ErrorCode::kResourceExhausted, .message = "too many open files"}, 3);
  ASSERT_TRUE(control().crash(idOf("a"), 3));
  EXPECT_TRUE(isStartedAgain("a"));
  EXPECT_THAT(observer_.states("a"), Not(Contains(EntryState::kFailed)));
}

TEST_F(Policy, RestartsInALongShortageComeLessAndLessOften) {
  createAndStart("a", withPolicy(RestartPolicy::Mode::kAlways));
  const ErrorCode code = ErrorCode::kResourceExhausted;
  control().failNext(Primitive::kStart, {.code = code, .message = "too many open files"}, 1000);
  const std::size_t before = callsOf(Primitive::kStart);
  ASSERT_TRUE(control().crash(idOf("a"), 3));
  const TimePoint end = clock().now() + 10min;
  ASSERT_TRUE(passUntil([&] { return clock().now() >= end; }));
  const std::size_t tries = callsOf(Primitive::kStart) - before;
  EXPECT_LE(tries, 26U);  // 1, 2, 4, 8, 16 and then every 30 s
  EXPECT_GE(tries, 20U);
  EXPECT_EQ(supervisor_->status("a")->restarts, 0);
}

TEST_F(Policy, EndThatWasGivenUpIsNotTakenBackByALaterLook) {
  // None ran when the engine was found.
  createAndStart("a");
  const std::size_t looks = callsOf(Primitive::kInspect);
  ASSERT_TRUE(control().kill(idOf("a"), Signal::kill()));
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  // The one that follows every end.
  ASSERT_TRUE(eventually([&] { return callsOf(Primitive::kInspect) > looks; }));
  const std::size_t from = observer_.position();
  control().failNext(Primitive::kInspect, {.code = ErrorCode::kInternal}, 2);
  ASSERT_TRUE(supervisor_->update("a", {.limits = {.memory_bytes = 64 << 20}}, "update"));
  ASSERT_TRUE(observer_.waitForEnd("update")->error);
  ASSERT_TRUE(passUntil([&] { return stateOf("a") != EntryState::kUnknown; }));
  EXPECT_EQ(stateOf("a"), EntryState::kFailed);
  EXPECT_EQ(observer_.position(), from + 2);
}

TEST_F(Policy, RequestedStartThatFailsIsToldWithItsReasonAndNotTriedAgain) {
  create("a", withPolicy(RestartPolicy::Mode::kAlways));
  control().failNext(Primitive::kStart, {.code = ErrorCode::kPortConflict, .message = "taken"});
  ASSERT_TRUE(supervisor_->start("a", "start"));
  ASSERT_TRUE(observer_.waitForEnd("start")->error);
  EXPECT_EQ(last("a").reason, Reason::kPortConflict);
  EXPECT_EQ(last("a").current, EntryState::kCreated);
  clock().advance(10min);
  EXPECT_EQ(callsOf(Primitive::kStart), 1U);
}

TEST_F(Policy, RefusedUpdateLeavesACrashAsItIs) {
  createAndStart("a", withPolicy(RestartPolicy::Mode::kOnFailure, 1));
  const Error refusal{.code = ErrorCode::kInvalidArgument, .message = "too little"};
  const EntryUpdate limits{.limits = {.memory_bytes = 64 << 20}};
  ASSERT_TRUE(control().crash(idOf("a"), 3));
  ASSERT_TRUE(becomes("a", EntryState::kCrashed));
  control().failNext(Primitive::kUpdate, refusal);
  ASSERT_TRUE(supervisor_->update("a", limits, "crashed"));
  ASSERT_TRUE(observer_.waitForEnd("crashed")->error);
  EXPECT_EQ(stateOf("a"), EntryState::kCrashed);
  EXPECT_EQ(last("a").failed, OperationKind::kUpdate);
  EXPECT_EQ(supervisor_->status("a")->reason, Reason::kCrashed);
  ASSERT_TRUE(isStartedAgain("a"));
  ASSERT_TRUE(control().crash(idOf("a"), 3));
  ASSERT_TRUE(becomes("a", EntryState::kFailed));
  control().failNext(Primitive::kUpdate, refusal);
  ASSERT_TRUE(supervisor_->update("a", limits, "failed"));
  ASSERT_TRUE(observer_.waitForEnd("failed")->error);
  EXPECT_EQ(stateOf("a"), EntryState::kFailed);
}

/// Does something as soon as it is told that the operation "overtaken" was.
class AsSoonAsOvertaken : public test::RecordingObserver {
 public:
  void onOperationEnd(const OperationEnd& end) override {
    if (end.operation_id == "overtaken") std::thread(then).join();
    RecordingObserver::onOperationEnd(end);
  }
  std::function<void()> then;
};

TEST_F(Policy, WhatIsAcceptedLastIsDoneLast) {
  createAndStart("a");
  close();
  AsSoonAsOvertaken observer;
  Supervisor supervisor(runtime_, options_, observer);
  supervisor.open(engine_.within(1h));
  observer.then = [&] { EXPECT_TRUE(supervisor.start("a", "last")); };
  const auto gate = runtime_->hold(Primitive::kUpdate);
  ASSERT_TRUE(supervisor.update("a", {.limits = {.memory_bytes = 64 << 20}}, "busy"));
  ASSERT_TRUE(gate->held());
  ASSERT_TRUE(supervisor.start("a", "overtaken"));
  ASSERT_TRUE(supervisor.stop("a", {}, "stop"));
  gate->open();
  ASSERT_TRUE(observer.waitForEnd("stop"));
  ASSERT_TRUE(observer.waitForEnd("last"));
  EXPECT_EQ(supervisor.status("a")->state, EntryState::kRunning);
}

}  // namespace
}  // namespace control

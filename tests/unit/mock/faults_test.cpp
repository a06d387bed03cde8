// What rules do to calls: on every primitive, every fault.

#include <thread>

#include "mock_fixture.h"
#include "support/results.h"

namespace control::mock {
namespace {

using test::errorOf;
using testing::CallPhase;
using testing::Primitive;

constexpr int kPrimitives = 16;

bool changes(Primitive primitive) {
  return primitive == Primitive::kCreate || primitive == Primitive::kStart ||
         primitive == Primitive::kSignal || primitive == Primitive::kRemove ||
         primitive == Primitive::kUpdate || primitive == Primitive::kExec ||
         primitive == Primitive::kPull;
}

class MockFaultTest : public MockTest, public ::testing::WithParamInterface<int> {
 protected:
  Primitive primitive() const { return static_cast<Primitive>(GetParam()); }

  /// Makes the containers that the calls are about.
  void SetUp() override {
    MockTest::SetUp();
    clock->setAutoAdvance(true);
    running_ = run({.name = "running", .labels = {{"mock.ignore_signals", "USR1"}}});
    created_ = create({.name = "created"});
  }

  std::optional<Error> call(const CallContext& context = {}) {
    switch (primitive()) {
      case Primitive::kInfo:
        return errorOf(runtime->info(context));
      case Primitive::kCreate:
        return errorOf(runtime->create({.name = "new", .image = "a"}, context));
      case Primitive::kStart:
        return errorOf(runtime->start(created_, context));
      case Primitive::kSignal:
        return errorOf(runtime->signal(running_, Signal::kill(), context));
      case Primitive::kWatchExit:
        return errorOf(runtime->watchExit(running_, context));
      case Primitive::kRemove:
        return errorOf(runtime->remove(created_, {}, context));
      case Primitive::kInspect:
        return errorOf(runtime->inspect(running_, context));
      case Primitive::kList:
        return errorOf(runtime->list({}, context));
      case Primitive::kStats:
        return errorOf(runtime->stats({&running_, 1}, context).front());
      case Primitive::kUpdate:
        return errorOf(runtime->update(running_, {.pids = 7}, context));
      case Primitive::kLogs:
        return errorOf(runtime->logs(running_, {}, context));
      case Primitive::kAttach:
        return errorOf(
            runtime->attach(running_, {.standard_input = false, .standard_output = true}, context));
      case Primitive::kExec:
        return errorOf(runtime->exec(running_, {.command = {"sleep", "1000"}}, context));
      case Primitive::kEvents:
        return errorOf(runtime->events({}, context));
      case Primitive::kPull:
        return errorOf(runtime->pull("mock/pullable:1", {}, context));
      case Primitive::kFindImage:
        return errorOf(runtime->findImage("a", context));
    }
    return std::nullopt;
  }

  /// Whether the change that the call asks for was made; nothing to see of the others.
  std::optional<bool> applied() {
    switch (primitive()) {
      case Primitive::kCreate:
        return runtime->inspect({"new"}, {}).has_value();
      case Primitive::kStart:
        return look(created_).running();
      case Primitive::kSignal:
        return !look(running_).running();
      case Primitive::kRemove:
        return !runtime->inspect(created_, {}).has_value();
      case Primitive::kUpdate:
        return look(running_).spec.limits.pids == 7;
      case Primitive::kExec:
        return runtime->stats({&running_, 1}, {}).front()->pids == 2u;
      case Primitive::kPull:
        return runtime->findImage("mock/pullable:1", {}).has_value();
      default:
        return std::nullopt;
    }
  }

  void inject(testing::RuleAction then) {
    const auto injected =
        mock->inject({.when = {.primitive = primitive(), .times = 1}, .then = std::move(then)});
    ASSERT_TRUE(injected) << injected.error().message;
  }
  /// An engine without a past.
  void startOver() {
    mock->reset();
    running_ = run({.name = "running", .labels = {{"mock.ignore_signals", "USR1"}}});
    created_ = create({.name = "created"});
  }

  ContainerId running_;
  ContainerId created_;
};

TEST_P(MockFaultTest, FailsWithEveryCodeAndHasTheEffectItSays) {
  for (int code = 1; code <= 14; ++code) {
    for (const Effect effect : {Effect::kNone, Effect::kApplied, Effect::kUnknown}) {
      inject({.error = Error{
                  .code = static_cast<ErrorCode>(code), .effect = effect, .message = "as told"}});
      const auto error = call();
      ASSERT_TRUE(error);
      EXPECT_EQ(error->code, static_cast<ErrorCode>(code));
      EXPECT_EQ(error->effect, effect);
      EXPECT_EQ(error->message, "as told");
      if (const auto change = applied()) {
        EXPECT_EQ(*change, effect != Effect::kNone);
      }
      startOver();
    }
  }
}

TEST_P(MockFaultTest, TakesItsTimeAndThenWorks) {
  inject({.latency = 1500ms});
  const TimePoint began = clock->now();
  const auto error = call();
  EXPECT_FALSE(error) << error->message;
  EXPECT_EQ(clock->now() - began, 1500ms);
  // What those two started ended with their handles.
  if (primitive() == Primitive::kExec || primitive() == Primitive::kPull) return;
  if (const auto change = applied()) {
    EXPECT_TRUE(*change);
  }
}

TEST_P(MockFaultTest, DoesNothingForACallerWhoLeavesDuringTheLatency) {
  inject({.latency = 10s});
  const TimePoint began = clock->now();
  const auto error = call(CallContext::within(2s, *clock));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(error->effect, changes(primitive()) ? Effect::kUnknown : Effect::kNone);
  EXPECT_EQ(clock->now() - began, 2s);
  if (const auto change = applied()) {
    EXPECT_FALSE(*change);
  }
}

TEST_P(MockFaultTest, HangsUntilTheDeadlineBeforeOrAfterTheEffect) {
  for (const CallPhase phase : {CallPhase::kBefore, CallPhase::kAfter}) {
    inject({.hang = phase});
    const TimePoint began = clock->now();
    const auto error = call(CallContext::within(3s, *clock));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::kDeadlineExceeded);
    EXPECT_EQ(error->effect, changes(primitive()) ? Effect::kUnknown : Effect::kNone);
    EXPECT_EQ(clock->now() - began, 3s);
    if (const auto change = applied()) {
      EXPECT_EQ(*change, phase == CallPhase::kAfter);
    }
    startOver();
  }
}

TEST_P(MockFaultTest, HangsUntilItIsCancelled) {
  clock->setAutoAdvance(false);
  inject({.hang = CallPhase::kBefore});
  std::stop_source stop;
  std::optional<Error> error;
  std::thread caller([&] { error = call({.cancellation = stop.get_token()}); });
  clock->awaitWaiters(1);
  stop.request_stop();
  caller.join();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::kCancelled);
}

TEST_P(MockFaultTest, HangsUntilTheEngineEnds) {
  clock->setAutoAdvance(false);
  inject({.hang = CallPhase::kBefore});
  std::optional<Error> error;
  std::thread caller([&] { error = call(); });
  clock->awaitWaiters(1);
  mock->engineDown(true);
  caller.join();
  mock->engineDown(false);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::kUnavailable);
}

TEST_P(MockFaultTest, LosesTheConnectionBeforeOrAfterTheEffect) {
  for (const CallPhase phase : {CallPhase::kBefore, CallPhase::kAfter}) {
    inject({.drop_connection = phase});
    const auto error = call();
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::kUnavailable);
    EXPECT_EQ(error->effect, changes(primitive()) ? Effect::kUnknown : Effect::kNone);
    if (const auto change = applied()) {
      EXPECT_EQ(*change, phase == CallPhase::kAfter);
    }
    startOver();
  }
}

TEST_P(MockFaultTest, FailsWhileTheEngineIsDownAndWorksAgainAfterwards) {
  mock->engineDown(true);
  const auto error = call();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::kUnavailable);
  mock->engineDown(false);
  EXPECT_FALSE(call());
}

INSTANTIATE_TEST_SUITE_P(OnEveryPrimitive, MockFaultTest, ::testing::Range(1, kPrimitives + 1),
                         [](const ::testing::TestParamInfo<int>& one) {
                           return std::string(toString(static_cast<Primitive>(one.param)));
                         });

}  // namespace
}  // namespace control::mock

// What rules do to calls: on every primitive, every fault.

#include <thread>

#include "mock_fixture.h"

namespace control::mock {
namespace {

using testing::CallPhase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Primitive;
using testing::Rule;

template <class T>
std::optional<Error> errorOf(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error());
}

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

class MockRuleTest : public MockTest {
 protected:
  static testing::RuleAction refuse() {
    return {.error = Error{.code = ErrorCode::kPermissionDenied, .message = "no"}};
  }
  /// Which of the first `calls` inspections fail.
  std::vector<int> refused(const ContainerId& id, int calls) {
    std::vector<int> numbers;
    for (int i = 1; i <= calls; ++i)
      if (!runtime->inspect(id, {})) numbers.push_back(i);
    return numbers;
  }
  void inject(testing::RuleCondition when, testing::RuleAction then = refuse()) {
    const auto injected = mock->inject({.when = std::move(when), .then = std::move(then)});
    ASSERT_TRUE(injected) << injected.error().message;
  }
};

TEST_F(MockRuleTest, ActsOnTheNthCallAlone) {
  const ContainerId id = create({});
  inject({.primitive = Primitive::kInspect, .nth = 3});
  EXPECT_THAT(refused(id, 6), ElementsAre(3));
}

TEST_F(MockRuleTest, ActsOnEveryNthCall) {
  const ContainerId id = create({});
  inject({.primitive = Primitive::kInspect, .every = 2});
  EXPECT_THAT(refused(id, 6), ElementsAre(2, 4, 6));
}

TEST_F(MockRuleTest, ActsSoManyTimes) {
  const ContainerId id = create({});
  inject({.primitive = Primitive::kInspect, .every = 2, .times = 2});
  EXPECT_THAT(refused(id, 8), ElementsAre(2, 4));
}

TEST_F(MockRuleTest, ActsByChanceAndTheSameWayForTheSameSeed) {
  const ContainerId id = create({});
  inject({.primitive = Primitive::kInspect, .probability = 0.3});
  const auto first = refused(id, 1000);
  EXPECT_GT(first.size(), 200u);
  EXPECT_LT(first.size(), 400u);
  mock->reset();
  const ContainerId again = create({});
  inject({.primitive = Primitive::kInspect, .probability = 0.3});
  EXPECT_EQ(refused(again, 1000), first);
}

TEST_F(MockRuleTest, FindsContainersByNameIdGlobAndLabel) {
  const ContainerId web = create({.name = "web-1", .labels = {{"tier", "front"}}});
  const ContainerId db = create({.name = "db"});
  const std::vector<testing::RuleCondition> conditions{
      {.primitive = Primitive::kInspect, .name = "web-1"},
      {.primitive = Primitive::kInspect, .name = web.value},
      {.primitive = Primitive::kInspect, .name_glob = "w?b-*"},
      {.primitive = Primitive::kInspect, .labels = {{"tier", "front"}}},
      {.primitive = Primitive::kInspect, .labels = {{"tier", ""}}}};
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    mock->reset();
    const ContainerId one = create({.name = "web-1", .labels = {{"tier", "front"}}});
    const ContainerId other = create({.name = "db"});
    ASSERT_EQ(one, web) << "ids follow the seed";
    inject(conditions[i]);
    EXPECT_FAILS(runtime->inspect(one, {}), kPermissionDenied) << i;
    EXPECT_FAILS(runtime->inspect({"web-1"}, {}), kPermissionDenied) << i;
    EXPECT_TRUE(runtime->inspect(other, {})) << i;
  }
  EXPECT_NE(web, db);
}

TEST_F(MockRuleTest, FindsNewContainersImagesAndFilters) {
  inject({.primitive = Primitive::kCreate, .name = "no"});
  inject({.primitive = Primitive::kPull, .name_glob = "*/pullable:*"});
  inject({.primitive = Primitive::kList, .labels = {{"mine", ""}}});
  EXPECT_FAILS(runtime->create({.name = "no", .image = "a"}, {}), kPermissionDenied);
  EXPECT_TRUE(runtime->create({.name = "yes", .image = "a"}, {}));
  EXPECT_FAILS(runtime->pull("mock/pullable:1", {}, {}), kPermissionDenied);
  EXPECT_FAILS(runtime->list({.labels = {{"mine", ""}}}, {}), kPermissionDenied);
  EXPECT_TRUE(runtime->list({}, {}));
}

TEST_F(MockRuleTest, WithoutAPrimitiveActsOnEveryCall) {
  inject({.nth = 2});
  EXPECT_TRUE(runtime->info({}));
  EXPECT_FAILS(runtime->list({}, {}), kPermissionDenied);
  EXPECT_TRUE(runtime->info({}));
}

TEST_F(MockRuleTest, OfTwoTheFirstThatActsDecides) {
  const ContainerId id = create({});
  inject({.primitive = Primitive::kInspect, .times = 1});
  inject({.primitive = Primitive::kInspect},
         {.error = Error{.code = ErrorCode::kInternal, .message = "second"}});
  EXPECT_FAILS(runtime->inspect(id, {}), kPermissionDenied);
  EXPECT_FAILS(runtime->inspect(id, {}), kInternal);
}

TEST_F(MockRuleTest, StatisticsCountForEachContainer) {
  const ContainerId one = run({.name = "one"});
  const ContainerId two = run({.name = "two"});
  inject({.primitive = Primitive::kStats, .name = "two"});
  const std::vector<ContainerId> ids{one, two};
  const auto samples = runtime->stats(ids, {});
  EXPECT_TRUE(samples[0]);
  EXPECT_FAILS(samples[1], kPermissionDenied);
}

TEST_F(MockRuleTest, ACallThatFailsByItselfKeepsItsError) {
  inject({.primitive = Primitive::kStart},
         {.error = Error{.code = ErrorCode::kUnavailable, .effect = Effect::kApplied}});
  EXPECT_FAILS(runtime->start({"nobody"}, {}), kNotFound);
}

TEST_F(MockRuleTest, TellsWhatWasPreparedInVain) {
  inject({.primitive = Primitive::kInfo});
  inject({.primitive = Primitive::kPull});
  ASSERT_TRUE(mock->schedule(1h, {.kind = testing::EngineAction::Kind::kEngineDown}));
  EXPECT_THAT(mock->unusedRules(),
              ElementsAre("injected rule 1", "injected rule 2", "scheduled step 1 has not come"));
  (void)runtime->info({});
  (void)runtime->pull("a", {}, {});
  clock->advance(1h);
  EXPECT_THAT(mock->unusedRules(), IsEmpty());
}

TEST_F(MockRuleTest, RefusesRulesThatCanNeverAct) {
  const testing::RuleAction lose{.lose_events = 1};
  const std::vector<std::pair<Rule, std::string>> wrong{
      {{.when = {}, .then = {}}, "empty"},
      {{.when = {.primitive = Primitive::kInfo, .any_event = true}, .then = lose}, "not on both"},
      {{.when = {.event = EventType::kOom, .any_event = true}, .then = lose}, "or on any"},
      {{.when = {.any_event = true}, .then = refuse()}, "loses or duplicates"},
      {{.when = {.name = "a", .name_glob = "b"}, .then = refuse()}, "not both"},
      {{.when = {.nth = 1, .every = 1}, .then = refuse()}, "one of nth"},
      {{.when = {.probability = 0.0}, .then = refuse()}, "probability"},
      {{.when = {.primitive = Primitive::kInfo, .name = "a"}, .then = refuse()}, "name out"},
      {{.when = {.primitive = Primitive::kPull, .labels = {{"a", ""}}}, .then = refuse()},
       "label out"},
      {{.when = {}, .then = {.latency = -1s}}, "latency"},
      {{.when = {}, .then = {.hang = CallPhase::kBefore, .drop_connection = CallPhase::kAfter}},
       "one of error"},
      {{.when = {}, .then = {.tell_gap = true, .duplicate_event = true}}, "lose some"},
      {{.when = {}, .then = {.lose_events = 1, .duplicate_event = true}}, "not both"},
      {{.when = {}, .then = {.truncate_stream = testing::StreamPoint{.items = 1}}}, "needs a call"},
      {{.when = {.primitive = Primitive::kLogs},
        .then = {.truncate_stream = testing::StreamPoint{}}},
       "items or in bytes"},
      {{.when = {.primitive = Primitive::kPull},
        .then = {.stall_stream = testing::StreamPoint{.bytes = 1}}},
       "counted in items"},
      {{.when = {.primitive = Primitive::kWatchExit},
        .then = {.truncate_stream = testing::StreamPoint{.items = 1}}},
       "after 0 items"},
      {{.when = {.primitive = Primitive::kLogs},
        .then = {.truncate_stream = testing::StreamPoint{.items = 1},
                 .stall_stream = testing::StreamPoint{.items = 1}}},
       "not both"},
      {{.when = {.primitive = Primitive::kLogs},
        .then = {.hang = CallPhase::kAfter, .truncate_stream = testing::StreamPoint{.items = 1}}},
       "opens no stream"},
  };
  for (const auto& [rule, words] : wrong) {
    const auto injected = mock->inject(rule);
    ASSERT_FALSE(injected) << words;
    EXPECT_FAILS(injected, kInvalidArgument);
    EXPECT_THAT(injected.error().message, HasSubstr(words));
  }
  EXPECT_THAT(mock->unusedRules(), IsEmpty());
}

}  // namespace
}  // namespace control::mock

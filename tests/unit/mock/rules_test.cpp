// When rules act, and which ones can never act.

#include "mock_fixture.h"

namespace control::mock {
namespace {

using testing::CallPhase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Primitive;
using testing::Rule;

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

TEST_F(MockRuleTest, AnErrorWithoutAMessageTellsOfItsRule) {
  inject({}, {.error = Error{.code = ErrorCode::kInternal}});
  EXPECT_EQ(runtime->list({}, {}).error().message, "injected on list (injected rule 1)");
}

TEST_F(MockRuleTest, TellsWhatWasPreparedInVain) {
  inject({.primitive = Primitive::kInfo});
  inject({.primitive = Primitive::kPull});
  ASSERT_TRUE(mock->schedule(1h, {.kind = testing::EngineAction::Kind::kEngineDown}));
  EXPECT_THAT(mock->unusedRules(), ElementsAre("injected rule 1: info -> permission_denied",
                                               "injected rule 2: pull -> permission_denied",
                                               "scheduled step 1: engine_down has not come"));
  (void)runtime->info({});
  (void)runtime->pull("a", {}, {});
  clock->advance(1h);
  EXPECT_THAT(mock->unusedRules(), IsEmpty());
}

TEST_F(MockRuleTest, ForgetsWhatIsUnusedSoFarAndStillDoesIt) {
  inject({.primitive = Primitive::kInfo});
  ASSERT_TRUE(
      mock->schedule(0s, {.kind = testing::EngineAction::Kind::kCrash, .container = "nobody"}));
  ASSERT_TRUE(mock->schedule(1h, {.kind = testing::EngineAction::Kind::kEngineDown}));
  mock->forgetUnused();
  EXPECT_THAT(mock->unusedRules(), IsEmpty());
  inject({.primitive = Primitive::kPull});
  EXPECT_THAT(mock->unusedRules(), ElementsAre("injected rule 2: pull -> permission_denied"));
  EXPECT_FAILS(runtime->info({}), kPermissionDenied);
  clock->advance(1h);
  EXPECT_FAILS(runtime->info({}), kUnavailable);
}

TEST_F(MockRuleTest, TellsAllThatARuleIsAbout) {
  inject({.primitive = Primitive::kLogs, .name = "web", .labels = {{"a", "b"}}, .nth = 2},
         {.latency = 250ms, .truncate_stream = testing::StreamPoint{.bytes = 3}});
  inject({.event = EventType::kExited}, {.lose_events = 2, .tell_gap = true});
  inject({}, {.error = Error{.code = ErrorCode::kInternal, .effect = Effect::kApplied}});
  EXPECT_THAT(mock->unusedRules(),
              ElementsAre("injected rule 1: logs 'web' a=b, nth 2 -> latency 0.250000000 s, "
                          "truncate_stream after 3 bytes",
                          "injected rule 2: event exited -> lose_events 2, tell_gap",
                          "injected rule 3: any call -> internal, effect applied"));
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
      {{.when = {.nth = 1, .times = 1}, .then = refuse()}, "leave times out"},
      {{.when = {.event = EventType::kGap}, .then = lose}, "no engine tells of event gap"},
      {{.when = {}, .then = {.error = Error{.code = ErrorCode{99}}}},
       "error code of the number 99"},
      {{.when = {}, .then = {.error = Error{.code = ErrorCode::kInternal, .effect = Effect{9}}}},
       "effect of the number 9"},
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

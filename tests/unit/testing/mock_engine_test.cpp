#include <libcontrol/testing/mock_engine.h>

#include <gtest/gtest-spi.h>
#include <libcontrol/testing/matchers.h>

#include <fstream>
#include <future>

#include "mock/mock_plugin.h"
#include "support/temp_dir.h"

namespace control::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const PluginDescriptor* const kLinked[] = {&mock::descriptor()};

MockEngineOptions options(MockEngineOptions::Time time = MockEngineOptions::Time::kJumps) {
  return {.time = time, .load = {.linked_plugins = kLinked}};
}

ContainerSpec deafServer() {
  return {.name = "web", .image = "example/web:1", .labels = {{"mock.ignore_signals", "TERM"}}};
}

TEST(MockEngine, LetsAStopWithALongGracePeriodTakeNoTime) {
  MockEngine engine(options());
  const RunningContainer web = valueOf(engine->run(deafServer(), {}));
  const TimePoint before = engine.clock().now();
  EXPECT_THAT(engine->stop(web.id, {.timeout = 30s}, engine.within(60s)),
              IsOkAnd(Field(&StopReport::outcome, StopOutcome::kKilled)));
  EXPECT_GE(engine.clock().now() - before, 30s);
  EXPECT_LT(engine.clock().now() - before, 60s);
}

TEST(MockEngine, StandsStillWhenTheTestMovesTheClock) {
  MockEngine engine(options(MockEngineOptions::Time::kByHand));
  const RunningContainer web = valueOf(engine->run(deafServer(), {}));
  auto stopping =
      std::async(std::launch::async, [&] { return engine->stop(web.id, {.timeout = 30s}, {}); });
  ASSERT_TRUE(engine.clock().awaitWaiters(1));
  EXPECT_THAT(engine->inspect(web.id, {}),
              IsOkAnd(Field(&ContainerInfo::state, ContainerState::kRunning)));
  EXPECT_TRUE(engine.clock().advanceUntil(
      [&] { return stopping.wait_for(0s) == std::future_status::ready; }, 10s));
  EXPECT_THAT(stopping.get(), IsOkAnd(Field(&StopReport::outcome, StopOutcome::kKilled)));
}

TEST(MockEngine, IsSharedWithNobody) {
  MockEngine one(options());
  MockEngine other(options());
  ASSERT_THAT(one->create(deafServer(), {}), IsOk());
  EXPECT_THAT(one->list({}, {}), IsOkAnd(SizeIs(1)));
  EXPECT_THAT(other->list({}, {}), IsOkAnd(IsEmpty()));
}

TEST(MockEngine, LeavesNothingBehindForARuntimeThatOutlivesIt) {
  std::shared_ptr<ContainerRuntime> runtime;
  {
    MockEngine engine(options());
    ASSERT_THAT(engine->create(deafServer(), {}), IsOk());
    runtime = engine.runtime();
  }
  EXPECT_THAT(runtime->list({}, {}), IsOkAnd(IsEmpty()));
}

TEST(MockEngine, HandsKeysOfTheUriOn) {
  MockEngineOptions seeded = options();
  seeded.query = {{"seed", "7"}};
  MockEngine one(seeded);
  MockEngine same(seeded);
  MockEngine other(options());
  const ContainerId id = valueOf(one->create(deafServer(), {})).id;
  EXPECT_EQ(valueOf(same->create(deafServer(), {})).id, id);
  EXPECT_NE(valueOf(other->create(deafServer(), {})).id, id);
}

void prepareAFaultThatNeverComes(bool forget) {
  MockEngine engine(options());
  engine.control().failNext(Primitive::kPull, {.code = ErrorCode::kUnavailable});
  if (forget) engine.control().forgetUnused();
}

TEST(MockEngine, FailsATestThatPreparedAFaultInVain) {
  EXPECT_NONFATAL_FAILURE(prepareAFaultThatNeverComes(false),
                          "did not happen: injected rule 1: pull -> unavailable");
  prepareAFaultThatNeverComes(true);
}

TEST(MockEngine, RefusesAFaultOfNoCall) {
  MockEngine engine(options());
  EXPECT_THROW(engine.control().failNext(static_cast<Primitive>(99), {}), std::invalid_argument);
  EXPECT_THROW(engine.control().failNext(Primitive::kPull, {}, 0), std::invalid_argument);
}

/// A scenario in a file whose name has to be escaped in a URI.
class Scenario {
 public:
  explicit Scenario(const std::string& text) { std::ofstream(path()) << text; }
  std::string path() const { return folder_.path("a scenario, 100% #1?.json"); }

 private:
  test_support::TempDir folder_;
};

MockEngineOptions inScenario(const Scenario& scenario) {
  MockEngineOptions chosen = options();
  chosen.scenario = scenario.path();
  return chosen;
}

TEST(MockEngine, LivesThroughAScenario) {
  const Scenario scenario(R"({
    "containers": [{"name": "web", "image": "example/web:1", "running": true}],
    "script": [{"at": "10s", "do": "crash", "name": "web", "exit_code": 3}]})");
  MockEngine engine(inScenario(scenario));
  EXPECT_THAT(engine->wait({"web"}, {}), IsOkAnd(Field(&ExitStatus::exit_code, 3)));
}

TEST(MockEngine, IsSharedWithNobodyWhoHasTheSameScenario) {
  const Scenario scenario("{}");
  MockEngine one(inScenario(scenario));
  MockEngine other(inScenario(scenario));
  ASSERT_THAT(one->create(deafServer(), {}), IsOk());
  EXPECT_THAT(other->list({}, {}), IsOkAnd(IsEmpty()));
}

void leaveBeforeTheCrash(const Scenario& scenario, bool forget) {
  const MockEngine engine(inScenario(scenario));
  if (forget) engine.control().forgetUnused();
}

TEST(MockEngine, FailsATestThatEndsBeforeItsScenario) {
  const Scenario scenario(R"({
    "containers": [{"name": "web", "image": "example/web:1", "running": true}],
    "script": [{"at": "10s", "do": "crash", "name": "web"}]})");
  EXPECT_NONFATAL_FAILURE(leaveBeforeTheCrash(scenario, false), "did not happen");
  leaveBeforeTheCrash(scenario, true);
}

TEST(MockEngine, RefusesAScenarioThatIsNotNamedFromTheRoot) {
  MockEngineOptions relative = options();
  relative.scenario = "scenario.json";
  EXPECT_THROW(const MockEngine engine(relative), std::runtime_error);
}

TEST(MockEngine, ThrowsTheReasonWhenItCannotBeOpened) {
  const std::map<std::string, std::string> reasons{{"colour", "colour"},
                                                   {"clock", "MockEngine sets the clock itself"}};
  for (const auto& [key, reason] : reasons) {
    MockEngineOptions wrong = options();
    wrong.query = {{key, "real"}};
    try {
      const MockEngine engine(wrong);
      FAIL() << "it was opened";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(reason));
    }
  }
}

}  // namespace
}  // namespace control::testing

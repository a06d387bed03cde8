// What the URI of a mock engine says.

#include "scenario_fixture.h"

namespace control::mock {
namespace {

using ::testing::HasSubstr;

TEST(MockEndpoint, RefusesUnknownKeysAndNamesTheKnown) {
  const auto opened = openMock("mock:///default?colour=red");
  ASSERT_FALSE(opened);
  EXPECT_FAILS(opened, kInvalidArgument);
  EXPECT_THAT(opened.error().message, HasSubstr("clock, name, profile, seed"));
}

TEST(MockEndpoint, RefusesBadValuesAndNames) {
  for (const char* uri : {"mock:///", "mock:///a?clock=sundial", "mock:///a?seed=x",
                          "mock+tcp://host/a", "mock:///a/b"})
    EXPECT_FAILS(openMock(uri), kInvalidArgument) << uri;
}

TEST(MockEndpoint, SaysWhatASeedMayBe) {
  EXPECT_THAT(openMock("mock:///a?seed=-1").error().message,
              HasSubstr("seed=-1: use a whole number from 0 to 18446744073709551615"));
}

TEST(MockEndpoint, SaysHowLongANameHasToBe) {
  const auto engine = openMock("mock:///names");
  const auto created = (*engine)->create({.name = "a", .image = "a"}, {});
  EXPECT_FAILS(created, kInvalidArgument);
  EXPECT_THAT(created.error().message,
              HasSubstr("container name 'a': use at least two characters"));
}

TEST(MockEndpoint, OfOneNameSharesOneEngine) {
  const auto first = openMock("mock:///shared?clock=virtual");
  const auto created = (*first)->create({.name = "there", .image = "a"}, {});
  ASSERT_TRUE(created);
  const auto second = openMock("mock:///shared?clock=virtual");
  EXPECT_TRUE((*second)->inspect(created->id, {}));
  const auto other = openMock("mock:///not-shared?clock=virtual");
  EXPECT_FAILS((*other)->inspect(created->id, {}), kNotFound);
}

TEST(MockEndpoint, OpenedAgainFindsTheSameRun) {
  RunId run;
  ContainerId id;
  {
    const auto first = openMock("mock:///reopened");
    id = (*first)->run({.image = "a"}, {})->id;
    run.started_at = *(*first)->inspect(id, {})->started_at;
  }
  const auto second = openMock("mock:///reopened");
  const auto info = (*second)->inspect(id, {});
  ASSERT_TRUE(info);
  EXPECT_EQ(info->state, ContainerState::kRunning);
  EXPECT_EQ(info->started_at, run.started_at);
}

TEST(MockEndpoint, RefusesAnotherClockWhileOneIsOpen) {
  auto first = openMock("mock:///clocks?clock=virtual");
  EXPECT_FAILS(openMock("mock:///clocks?clock=real"), kInvalidArgument);
  first->reset();
  EXPECT_TRUE(openMock("mock:///clocks?clock=real"));
}

TEST(MockEndpoint, TellsTimeThatJumpsFromTimeThatIsMoved) {
  const auto held = openMock("mock:///jumps?clock=virtual");
  EXPECT_TRUE(openMock("mock:///jumps?clock=virtual"));
  EXPECT_FAILS(openMock("mock:///jumps?clock=auto"), kInvalidArgument);
  const auto jumping = openMock("mock:///jumps-too?clock=auto");
  EXPECT_FAILS(openMock("mock:///jumps-too?clock=virtual"), kInvalidArgument);
  const HostContext host{.clock = std::make_shared<testing::FakeClock>()};
  const auto of_host = openMock("mock:///jumps-not?clock=auto", host);
  EXPECT_TRUE(openMock("mock:///jumps-not?clock=virtual", host))
      << "a host's clock serves for both";
}

TEST(MockEndpoint, SaysInWhatAnOpenEngineDiffers) {
  const ScenarioFile file("{}");
  const auto held = openMock("mock:///held?clock=virtual");
  const auto differs = [](const std::string& uri) { return openMock(uri).error().message; };
  EXPECT_THAT(differs("mock:///held?clock=auto"),
              HasSubstr("'held' is open with clock=virtual, not clock=auto: use another name"));
  EXPECT_THAT(differs("mock:///held"), HasSubstr("clock=virtual, not clock=real:"));
  EXPECT_THAT(differs("mock:///held?clock=virtual&seed=7&profile=docker-29"),
              HasSubstr("with seed=1, not seed=7; profile=mock, not profile=docker-29:"));
  EXPECT_THAT(differs(file.uri("clock=virtual&name=held")),
              HasSubstr("with no scenario, not scenario " + file.path()));
}

TEST(MockEndpoint, TakesTheHostsFakeClock) {
  const auto clock = std::make_shared<testing::FakeClock>();
  const auto opened = openMock("mock:///hosts", {.clock = clock});
  EXPECT_EQ(&(*opened)->clock(), clock.get());
  EXPECT_EQ((*opened)->extension<testing::MockControl>()->fakeClock(), clock.get());
}

TEST(MockEndpoint, GivesTheSameIdsForTheSameSeed) {
  const auto idOf = [](const std::string& uri) {
    return (*openMock(uri))->create({.image = "a"}, {})->id.value;
  };
  EXPECT_EQ(idOf("mock:///seed1?seed=7"), idOf("mock:///seed2?seed=7"));
  EXPECT_NE(idOf("mock:///seed3?seed=8"), idOf("mock:///seed4?seed=9"));
}

}  // namespace
}  // namespace control::mock

#include "agent/probes/run_readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Kind = ReadinessRule::Kind;
using News = RunReadiness::News;

class RunReadinessTest : public testing::Test {
 protected:
  static constexpr RunReadiness::Clock::time_point kBegan{};

  RunReadiness run_{{.kind = Kind::kMinecraft, .interval = 2s, .timeout = 60s}, kBegan};
};

TEST_F(RunReadinessTest, StartsUntilItsRuleHolds) {
  EXPECT_TRUE(run_.liveness().starting);
  EXPECT_EQ(run_.fails("refused", kBegan + 1s), News::kNone);
  EXPECT_FALSE(run_.liveness().responding);
  EXPECT_EQ(run_.holds({Players{.online = 1}}), News::kReady);
  EXPECT_FALSE(run_.liveness().starting);
  EXPECT_EQ(run_.liveness().responding, true);
  EXPECT_EQ(run_.liveness().players->online, 1);
  EXPECT_EQ(run_.holds({Players{.online = 2}}), News::kNone);
  EXPECT_EQ(run_.liveness().players->online, 2);
}

TEST_F(RunReadinessTest, TellsOnceThatItTakesTooLong) {
  EXPECT_EQ(run_.fails("refused", kBegan + 59s), News::kNone);
  EXPECT_EQ(run_.liveness().warning, "");
  EXPECT_EQ(run_.fails("refused", kBegan + 60s), News::kLate);
  EXPECT_EQ(run_.liveness().warning, "not ready after 60 s: refused");
  EXPECT_TRUE(run_.liveness().starting);
  EXPECT_EQ(run_.unasked("no engine", kBegan + 61s), News::kNone);
  EXPECT_EQ(run_.holds({}), News::kReady);
  EXPECT_EQ(run_.liveness().warning, "");
}

TEST_F(RunReadinessTest, HangsAfterThreeFailuresInARow) {
  run_.holds({Players{.online = 1}});
  EXPECT_EQ(run_.fails("silent", kBegan), News::kNone);
  EXPECT_EQ(run_.fails("silent", kBegan), News::kNone);
  EXPECT_EQ(run_.holds({Players{.online = 1}}), News::kNone);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(run_.fails("silent", kBegan), News::kNone);
  EXPECT_EQ(run_.liveness().responding, true);
  EXPECT_EQ(run_.fails("silent", kBegan), News::kSilent);
  EXPECT_EQ(run_.liveness().responding, false);
  EXPECT_FALSE(run_.liveness().players);
  EXPECT_FALSE(run_.liveness().starting);
  EXPECT_EQ(run_.fails("silent", kBegan), News::kNone);
  EXPECT_EQ(run_.holds({}), News::kAnswers);
  EXPECT_EQ(run_.liveness().responding, true);
  EXPECT_EQ(run_.liveness().warning, "");
}

TEST_F(RunReadinessTest, AnEngineThatDoesNotAnswerIsNoHangOfTheServer) {
  run_.holds({});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(run_.unasked("no engine", kBegan + 1h), News::kNone);
  EXPECT_EQ(run_.liveness().responding, true);
}

TEST_F(RunReadinessTest, WhatCannotBeToldIsSaidAndNotWaitedFor) {
  EXPECT_EQ(run_.untold("no check"), News::kReady);
  EXPECT_FALSE(run_.liveness().starting);
  EXPECT_FALSE(run_.liveness().responding);
  EXPECT_THAT(run_.liveness().warning, HasSubstr("cannot be told: no check"));
  EXPECT_FALSE(run_.pause());
}

TEST_F(RunReadinessTest, AsksSoonerAtFirst) {
  EXPECT_EQ(run_.pause(), 250ms);
  EXPECT_EQ(run_.pause(), 500ms);
  EXPECT_EQ(run_.pause(), 1s);
  EXPECT_EQ(run_.pause(), 2s);
  EXPECT_EQ(run_.pause(), 2s);
  run_.holds({});
  EXPECT_EQ(run_.pause(), 2s);
}

TEST(HealthVerdict, FollowsTheCheck) {
  using State = control::Health::State;
  using Verdict = HealthVerdict::Kind;
  const auto kind = [](const control::Health& health, control::Duration age) {
    return verdictOf(health, age).kind;
  };
  EXPECT_EQ(kind({.state = State::kHealthy}, 1s), Verdict::kHolds);
  EXPECT_EQ(kind({.state = State::kUnhealthy}, 1h), Verdict::kFails);
  EXPECT_EQ(kind({.state = State::kUnknown, .raw_state = "odd"}, 1h), Verdict::kFails);
  EXPECT_EQ(verdictOf(std::nullopt, 1s).why, "its image has no HEALTHCHECK");
}

TEST(HealthVerdict, AnEngineThatNeverRunsTheCheckCannotTell) {
  control::Health health{.state = control::Health::State::kStarting, .interval = 20s};
  EXPECT_EQ(verdictOf(health, 50s).kind, HealthVerdict::Kind::kFails);
  EXPECT_EQ(verdictOf(health, 51s).kind, HealthVerdict::Kind::kUntold);
  EXPECT_EQ(verdictOf(health, 51s).why, "the engine does not run its HEALTHCHECK");
  health.checked = true;
  EXPECT_EQ(verdictOf(health, 1h).kind, HealthVerdict::Kind::kFails);
  EXPECT_EQ(verdictOf(control::Health{.state = control::Health::State::kStarting}, 60s).kind,
            HealthVerdict::Kind::kFails);
}

TEST(RunReadiness, AConsoleIsNotSearchedAgainOnceReady) {
  RunReadiness run({.kind = Kind::kConsole}, {});
  EXPECT_TRUE(run.pause());
  EXPECT_EQ(run.holds({}), News::kReady);
  EXPECT_FALSE(run.pause());
  EXPECT_FALSE(run.liveness().responding);
}

}  // namespace
}  // namespace agent

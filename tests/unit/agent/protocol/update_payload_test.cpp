#include "unit/agent/protocol/payloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using payloads::created;
using payloads::json;
using payloads::kMiB;
using payloads::with;
using testing::ElementsAre;
using testing::Pair;
using testing::StartsWith;

control::StopOptions stop(std::string_view text) {
  const Json payload = json(text);
  return readStopPayload(Fields(&payload, "payload"), kDefaultStopTimeout);
}

TEST(StopPayload, LeavesTheSignalToTheServerAndTakesThirtySeconds) {
  const control::StopOptions options = stop("{}");
  EXPECT_FALSE(options.signal);
  EXPECT_EQ(options.timeout, std::chrono::seconds(30));
}

TEST(StopPayload, TakesSignalsByNameAndNumber) {
  for (const char* signal : {"\"SIGINT\"", "\"int\"", "\"sigint\"", "\"2\"", "2"})
    EXPECT_EQ(stop("{\"signal\":" + std::string(signal) + "}").signal, control::Signal::interrupt())
        << signal;
  EXPECT_EQ(stop(R"({"signal":"SIGRTMIN+3"})").signal, control::Signal{37});
}

TEST(StopPayload, TakesFractionsAndZero) {
  EXPECT_EQ(stop(R"({"timeout":0.7})").timeout, std::chrono::milliseconds(700));
  EXPECT_EQ(stop(R"({"timeout":0})").timeout, std::chrono::seconds(0));
  EXPECT_EQ(stop(R"({"timeout":86400})").timeout, std::chrono::hours(24));
}

TEST(StopPayload, RefusesEverythingElse) {
  for (const char* payload : {R"({"signal":"SIGNOPE"})", R"({"signal":0})", R"({"signal":-9})",
                              R"({"signal":1000})", R"({"signal":true})", R"({"signal":""})",
                              R"({"signal":9.5})", R"({"signal":"9; rm -rf /"})"})
    EXPECT_THAT(refused([&] { stop(payload); }), StartsWith("INVALID_PAYLOAD payload.signal "))
        << payload;
  for (const char* payload :
       {R"({"timeout":-1})", R"({"timeout":-0.001})", R"({"timeout":86400.001})",
        R"({"timeout":1e300})", R"({"timeout":"30"})", R"({"timeout":true})",
        R"({"timeout":99999999999999999999})"})
    EXPECT_THAT(refused([&] { stop(payload); }), StartsWith("INVALID_PAYLOAD payload.timeout "))
        << payload;
}

control::EntryUpdate update(std::string_view text) {
  const Json payload = json(text);
  return readUpdatePayload(Fields(&payload, "payload"));
}

TEST(UpdatePayload, ChangesLimitsWithoutANewContainer) {
  const control::EntryUpdate change = update(R"({"limits":{"memory":"1g","cpu":50}})");
  EXPECT_EQ(change.limits.memory_bytes, 1024 * kMiB);
  EXPECT_FALSE(change.limits.memory_swap_bytes) << "the swap that the server has is kept";
  EXPECT_EQ(change.limits.nano_cpus, 500'000'000);
  EXPECT_FALSE(change.limits.pids);
  EXPECT_FALSE(change.respec);
}

TEST(UpdatePayload, LiftsLimitsThroughTheSpecification) {
  const control::ContainerSpec before =
      created(with(R"("limits":{"memory":"1g","cpu":50})")).container;
  const control::EntryUpdate change = update(R"({"limits":{"memory":0,"cpu":0}})");
  EXPECT_EQ(change.limits, control::ResourceLimits{});
  ASSERT_TRUE(change.respec);
  const auto after = change.respec(before);
  ASSERT_TRUE(after);
  EXPECT_FALSE(after->limits.memory_bytes);
  EXPECT_FALSE(after->limits.memory_swap_bytes);
  EXPECT_FALSE(after->limits.nano_cpus);
  EXPECT_EQ(after->limits.pids, before.limits.pids);
}

TEST(UpdatePayload, CountsSwapOnTopOfTheMemoryThatTheServerHas) {
  const control::ContainerSpec before = created(with(R"("limits":{"memory":"1g"})")).container;
  const control::EntryUpdate change = update(R"({"limits":{"swap":"512m"}})");
  ASSERT_TRUE(change.respec);
  EXPECT_EQ(change.respec(before)->limits.memory_swap_bytes, 1536 * kMiB);
}

TEST(UpdatePayload, KeepsTheSwapBesideMemoryThatChanges) {
  const auto swapAfter = [](const std::string& before, const std::string& limits) {
    const auto change = update(R"({"startup":"./new","limits":)" + limits + "}");
    const auto after = change.respec(created(with("\"limits\":" + before)).container);
    return after->limits.memory_swap_bytes;
  };
  EXPECT_EQ(swapAfter(R"({"memory":"100m","swap":"50m"})", R"({"memory":"200m"})"), 250 * kMiB);
  EXPECT_EQ(swapAfter(R"({"memory":"100m","swap":-1})", R"({"memory":"200m"})"), -1);
  EXPECT_EQ(swapAfter(R"({"memory":"100m"})", R"({"memory":"200m"})"), 200 * kMiB);
  EXPECT_EQ(swapAfter("{}", R"({"memory":"200m"})"), 200 * kMiB);
  EXPECT_EQ(swapAfter(R"({"memory":"100m","swap":"50m"})", R"({"memory":"200m","swap":0})"),
            200 * kMiB);
  EXPECT_EQ(swapAfter(R"({"memory":"100m","swap":-1})", R"({"memory":0})"), std::nullopt);
}

TEST(UpdatePayload, FillsTheKeptTemplateWithTheNewEnvironment) {
  const control::EntryUpdate change = update(R"({"environment":{"PORT":2,"OLD":null}})");
  ASSERT_TRUE(change.respec);
  const control::ContainerSpec before =
      created(with(R"("startup":"./run {{PORT}}","environment":{"PORT":1,"OLD":"x","KEPT":"y"})"))
          .container;
  const control::Result<control::ContainerSpec> after = change.respec(before);
  ASSERT_TRUE(after);
  EXPECT_THAT(after->command, ElementsAre("exec ./run 2"));
  EXPECT_THAT(after->environment, ElementsAre(Pair("PORT", "2"), Pair("KEPT", "y")));
  EXPECT_EQ(after->labels.at(kStartupLabel), "./run {{PORT}}");
}

TEST(UpdatePayload, ReplacesTheStartup) {
  const control::ContainerSpec before = created(with(R"("startup":"./old")")).container;
  const auto after = update(R"({"startup":"./new"})").respec(before);
  ASSERT_TRUE(after);
  EXPECT_THAT(after->command, ElementsAre("exec ./new"));
}

TEST(UpdatePayload, IsHeldToThePolicyToo) {
  EXPECT_THAT(refused([] { update(R"({"limits":{"privileged":true}})"); }),
              StartsWith("POLICY_VIOLATION payload.limits.privileged"));
}

}  // namespace
}  // namespace agent

#include "agent/actions/create_payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/protocol/refused.h"

namespace agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

constexpr std::int64_t kMiB = 1024 * 1024;

Json json(std::string_view text) {
  const JsonReading reading = readJsonObject(text);
  if (!reading.value) throw std::runtime_error("the test's own JSON is wrong: " + reading.problem);
  return *reading.value;
}

control::EntrySpec created(std::string_view text) {
  const Json payload = json(text);
  return readCreatePayload(Fields(&payload, "payload"), {"/data/s1", "/home/container"});
}

std::string refusalOf(std::string_view text) {
  return refused([&] { created(text); });
}

control::EntrySpec withLimits(const std::string& limits) {
  return created(R"({"image":"game:1","limits":)" + limits + "}");
}

std::string limitsRefusal(const std::string& limits) {
  return refused([&] { withLimits(limits); });
}

std::string with(const std::string& members) { return R"({"image":"game:1",)" + members + "}"; }

TEST(CreatePayload, ReadsTheExampleOfTheProtocol) {
  const control::EntrySpec entry = created(
      R"({"image":"ghcr.io/example/game:1","startup":"./run --port {{SERVER_PORT}}",
          "environment":{"SERVER_PORT":"25565"},
          "limits":{"memory":2147483648,"swap":0,"disk":10737418240,"io":500,"cpu":200,"pids":512},
          "ports":[{"internal":25565,"external":25565,"protocol":"tcp"}],
          "stop":{"signal":"SIGINT","timeout":30,"command":"stop"},
          "restart":{"policy":"on-failure","maxRetries":3},"tty":true,"labels":{},"start":false})");
  const control::ContainerSpec& spec = entry.container;
  EXPECT_EQ(spec.image, "ghcr.io/example/game:1");
  EXPECT_THAT(spec.entrypoint, ElementsAre("/bin/sh", "-c"));
  EXPECT_THAT(spec.command, ElementsAre("exec ./run --port 25565"));
  EXPECT_THAT(spec.environment, ElementsAre(Pair("SERVER_PORT", "25565")));
  EXPECT_EQ(spec.limits.memory_bytes, 2147483648);
  EXPECT_EQ(spec.limits.memory_swap_bytes, 2147483648);
  EXPECT_EQ(spec.limits.nano_cpus, 2'000'000'000);
  EXPECT_EQ(spec.limits.io_weight, 500);
  EXPECT_EQ(spec.limits.pids, 512);
  EXPECT_THAT(spec.ports,
              ElementsAre(control::PortMapping{25565, 25565, control::PortProtocol::kTcp, {}}));
  EXPECT_EQ(spec.stop_signal, control::Signal::interrupt());
  EXPECT_EQ(spec.stop_timeout, std::chrono::seconds(30));
  EXPECT_THAT(spec.labels, Contains(Pair(kDiskLabel, "10737418240")));
  EXPECT_THAT(spec.labels, Contains(Pair(kStopLadderLabel, "!stop/30000 SIGINT/30000")));
  EXPECT_THAT(spec.labels, Contains(Pair(kStartupLabel, "./run --port {{SERVER_PORT}}")));
  EXPECT_EQ(entry.restart.mode, control::RestartPolicy::Mode::kOnFailure);
  EXPECT_EQ(entry.restart.max_retries, 3);
  EXPECT_TRUE(spec.tty);
  EXPECT_FALSE(entry.start);
}

TEST(CreatePayload, ReadsTheWrappedFormOfTheApiSpecification) {
  const control::EntrySpec entry = created(
      R"({"eggConfig":{"image":"game:1","ports":{"25565":25565,"19132/udp":"19133"},
          "environment":{"SERVER_MEMORY":2048,"EULA":true,"RATE":1.5},
          "limits":{"memory":"2048m","cpu":"2","disk":"5g"},
          "startup":"java -Xmx{{SERVER_MEMORY}}M -jar server.jar"}})");
  const control::ContainerSpec& spec = entry.container;
  EXPECT_THAT(spec.ports,
              ElementsAre(control::PortMapping{25565, 25565, control::PortProtocol::kTcp, {}},
                          control::PortMapping{19132, 19133, control::PortProtocol::kUdp, {}}));
  EXPECT_THAT(spec.environment, ElementsAre(Pair("SERVER_MEMORY", "2048"), Pair("EULA", "true"),
                                            Pair("RATE", "1.5")));
  EXPECT_EQ(spec.limits.memory_bytes, 2048 * kMiB);
  EXPECT_EQ(spec.limits.nano_cpus, 2'000'000'000);
  EXPECT_THAT(spec.labels, Contains(Pair(kDiskLabel, "5368709120")));
  EXPECT_THAT(spec.command, ElementsAre("exec java -Xmx2048M -jar server.jar"));
}

TEST(CreatePayload, SetsThePolicyWhateverThePayloadSays) {
  const control::ContainerSpec spec = created(R"({"image":"game:1"})").container;
  EXPECT_TRUE(spec.no_new_privileges);
  EXPECT_THAT(spec.drop_capabilities, ElementsAre("ALL"));
  EXPECT_THAT(spec.add_capabilities, Contains("CHOWN"));
  EXPECT_THAT(spec.add_capabilities, Not(Contains("SYS_ADMIN")));
  EXPECT_EQ(spec.limits.pids, 512);
  EXPECT_EQ(spec.log_limit_bytes, 5 << 20);
  EXPECT_TRUE(spec.open_stdin);
  EXPECT_TRUE(spec.tty);
  EXPECT_EQ(spec.network, control::NetworkMode::kDefault);
  EXPECT_THAT(spec.mounts, ElementsAre(control::Mount{control::Mount::Type::kBind, "/data/s1",
                                                      "/home/container", false}));
  EXPECT_EQ(spec.working_directory, "/home/container");
  EXPECT_EQ(spec.stop_timeout, std::chrono::seconds(30));
}

TEST(CreatePayload, LeavesTheImagesCommandWithoutStartup) {
  EXPECT_TRUE(created(R"({"image":"game:1"})").container.command.empty());
  EXPECT_TRUE(created(R"({"image":"game:1","startup":"  "})").container.entrypoint.empty());
}

TEST(Limits, TakeSmallNumbersForMebibytes) {
  const control::EntrySpec entry =
      withLimits(R"({"memory":2048,"disk":5000,"swap":0,"io":500,"cpu":100})");
  EXPECT_EQ(entry.container.limits.memory_bytes, 2048 * kMiB);
  EXPECT_EQ(entry.container.limits.memory_swap_bytes, 2048 * kMiB);
  EXPECT_EQ(entry.container.limits.nano_cpus, 1'000'000'000);
  EXPECT_THAT(entry.container.labels, Contains(Pair(kDiskLabel, std::to_string(5000 * kMiB))));
}

TEST(Limits, TakeUnitsInAnyUsualSpelling) {
  for (const char* memory :
       {"\"1g\"", "\"1G\"", "\"1gb\"", "\"1GiB\"", "\"1024m\"", "\"1024 MB\"", "\"1048576k\"",
        "\"1073741824b\"", "\"1073741824\"", "\"1024\"", "1024"})
    EXPECT_EQ(withLimits("{\"memory\":" + std::string(memory) + "}").container.limits.memory_bytes,
              1024 * kMiB)
        << memory;
  EXPECT_EQ(withLimits(R"({"memory":"1.5g"})").container.limits.memory_bytes, 1536 * kMiB);
}

TEST(Limits, CountSwapOnTopOfMemory) {
  const auto swap = [](const char* value) {
    return withLimits("{\"memory\":\"1g\",\"swap\":" + std::string(value) + "}")
        .container.limits.memory_swap_bytes;
  };
  EXPECT_EQ(swap("0"), 1024 * kMiB);
  EXPECT_EQ(swap("512"), 1536 * kMiB);
  EXPECT_EQ(swap("\"1g\""), 2048 * kMiB);
  EXPECT_EQ(swap("-1"), -1);
}

TEST(Limits, TakeZeroForNoLimit) {
  const control::ResourceLimits limits =
      withLimits(R"({"memory":0,"cpu":0,"swap":0})").container.limits;
  EXPECT_FALSE(limits.memory_bytes);
  EXPECT_FALSE(limits.memory_swap_bytes);
  EXPECT_FALSE(limits.nano_cpus);
}

TEST(Limits, TakeCoresAsTextAndPercentAsNumber) {
  EXPECT_EQ(withLimits(R"({"cpu":"1.5"})").container.limits.nano_cpus, 1'500'000'000);
  EXPECT_EQ(withLimits(R"({"cpu":50})").container.limits.nano_cpus, 500'000'000);
  EXPECT_EQ(withLimits(R"({"cpu":12.5})").container.limits.nano_cpus, 125'000'000);
}

TEST(Limits, NameTheFieldThatIsWrong) {
  for (const char* memory :
       {"true", "\"\"", "\"abc\"", "\"5x\"", "\"-5g\"", "-1", "1.5", "[1]", "\"5m\"", "\"1e3\"",
        "\"nan\"", "\"inf\"", "5", "18446744073709551616", "9223372036854775807", "\"99999999t\""})
    EXPECT_THAT(limitsRefusal("{\"memory\":" + std::string(memory) + "}"),
                StartsWith("INVALID_PAYLOAD payload.limits.memory "))
        << memory;
  for (const char* cpu : {"-1", "\"two\"", "true", "\"-1\"", "1e300", "\"1e2\"", "0.5"})
    EXPECT_THAT(limitsRefusal("{\"cpu\":" + std::string(cpu) + "}"),
                StartsWith("INVALID_PAYLOAD payload.limits.cpu "))
        << cpu;
  for (const char* io : {"9", "1001", "\"500\"", "50.5"})
    EXPECT_THAT(limitsRefusal("{\"io\":" + std::string(io) + "}"),
                StartsWith("INVALID_PAYLOAD payload.limits.io "))
        << io;
  EXPECT_THAT(limitsRefusal(R"({"pids":0})"), StartsWith("INVALID_PAYLOAD payload.limits.pids "));
  EXPECT_THAT(limitsRefusal(R"({"swap":-2})"), StartsWith("INVALID_PAYLOAD payload.limits.swap "));
  EXPECT_THAT(limitsRefusal(R"({"swap":512})"), StartsWith("INVALID_PAYLOAD payload.limits.swap "));
  EXPECT_EQ(limitsRefusal("[]"), "INVALID_PAYLOAD payload.limits must be an object");
}

TEST(CreatePayload, NeedsAnImageThatCouldBeOne) {
  EXPECT_THAT(refusalOf("{}"), StartsWith("INVALID_PAYLOAD payload.image "));
  for (const char* image : {"\"\"", "7", "\"a b\"", "\"-x\"", "\"a;b\"", "\"../x?y=1\"", "null"})
    EXPECT_THAT(refusalOf("{\"image\":" + std::string(image) + "}"),
                StartsWith("INVALID_PAYLOAD payload.image "))
        << image;
}

TEST(CreatePayload, RefusesEnvironmentsThatAreNone) {
  EXPECT_THAT(refusalOf(with(R"("environment":{"A=B":"x"})")),
              StartsWith("INVALID_PAYLOAD payload.environment.A=B "));
  EXPECT_THAT(refusalOf(with(R"("environment":{"":"x"})")),
              StartsWith("INVALID_PAYLOAD payload.environment. "));
  EXPECT_THAT(refusalOf(with(R"("environment":{"A":{}})")),
              StartsWith("INVALID_PAYLOAD payload.environment.A "));
  EXPECT_THAT(refusalOf(with(R"("environment":["A=B"])")),
              StartsWith("INVALID_PAYLOAD payload.environment "));
}

TEST(CreatePayload, BoundsTheEnvironment) {
  std::string many = "\"environment\":{\"V0\":1";
  for (int i = 1; i < 128; ++i) many += ",\"V" + std::to_string(i) + "\":1";
  EXPECT_EQ(refusalOf(with(many + "}")), "");
  EXPECT_THAT(refusalOf(with(many + ",\"ONE_MORE\":1}")),
              StartsWith("INVALID_PAYLOAD payload.environment "));
  EXPECT_THAT(refusalOf(with("\"environment\":{\"A\":\"" + std::string(32 * 1024, 'x') + "\"}")),
              StartsWith("INVALID_PAYLOAD payload.environment "));
}

TEST(CreatePayload, NamesThePortThatIsWrong) {
  EXPECT_THAT(refusalOf(with(R"("ports":[{"internal":0,"external":1}])")),
              StartsWith("INVALID_PAYLOAD payload.ports[0].internal "));
  EXPECT_THAT(refusalOf(with(R"("ports":[{"internal":1,"external":65536}])")),
              StartsWith("INVALID_PAYLOAD payload.ports[0].external "));
  EXPECT_THAT(refusalOf(with(R"("ports":[{"internal":1}])")),
              StartsWith("INVALID_PAYLOAD payload.ports[0].external "));
  EXPECT_THAT(refusalOf(with(R"("ports":[{"internal":1,"external":1,"protocol":"icmp"}])")),
              StartsWith("INVALID_PAYLOAD payload.ports[0].protocol "));
  EXPECT_THAT(refusalOf(with(R"("ports":[25565])")),
              StartsWith("INVALID_PAYLOAD payload.ports[0] "));
  EXPECT_THAT(refusalOf(with(R"("ports":{"x":1})")),
              StartsWith("INVALID_PAYLOAD payload.ports.x "));
  EXPECT_THAT(refusalOf(with(R"("ports":{"1":"x"})")),
              StartsWith("INVALID_PAYLOAD payload.ports.1 "));
  EXPECT_THAT(refusalOf(with(R"("ports":"25565")")), StartsWith("INVALID_PAYLOAD payload.ports "));
  EXPECT_THAT(refusalOf(with(R"("ports":{"1":5000,"2":5000})")), HasSubstr("5000 twice"));
  EXPECT_EQ(refusalOf(with(R"("ports":{"1":5000,"1/udp":5000})")), "");
}

TEST(CreatePayload, RefusesWhatReachesOutOfTheContainer) {
  for (const char* field :
       {R"("privileged":true)", R"("Privileged":true)", R"("capAdd":["SYS_ADMIN"])",
        R"("cap_add":["ALL"])", R"("devices":["/dev/kmsg"])", R"("binds":["/:/host"])",
        R"("mounts":[{"source":"/"}])", R"("volumes":{"/":"/host"})", R"("networkMode":"host")",
        R"("hostNetwork":true)", R"("pidMode":"host")", R"("ipcMode":"host")",
        R"("usernsMode":"host")", R"("securityOpt":["seccomp=unconfined"])", R"("runtime":"x")",
        R"("cgroupParent":"/")", R"("sysctls":{"a":"b"})", R"("HostConfig":{"a":1})",
        R"("oomKillDisable":true)"})
    EXPECT_THAT(refusalOf(with(field)), StartsWith("POLICY_VIOLATION payload.")) << field;
}

TEST(CreatePayload, LosesNothingThatStandsBesideEggConfig) {
  const control::EntrySpec entry = created(
      R"({"eggConfig":{"image":"game:1","tty":false},"limits":{"memory":"1g"},"start":true,
          "tty":true,"ports":{"25565":25565}})");
  EXPECT_EQ(entry.container.limits.memory_bytes, 1024 * kMiB);
  EXPECT_EQ(entry.container.ports.size(), 1U);
  EXPECT_TRUE(entry.start);
  EXPECT_FALSE(entry.container.tty);
  EXPECT_THAT(refusalOf(R"({"eggConfig":{"image":"game:1"},"limits":{"memory":true}})"),
              StartsWith("INVALID_PAYLOAD payload.limits.memory "));
  EXPECT_THAT(refusalOf(R"({"eggConfig":{"startup":"x"}})"),
              StartsWith("INVALID_PAYLOAD payload.eggConfig.image "));
}

TEST(CreatePayload, NamesTheForbiddenFieldWhereverItStands) {
  EXPECT_THAT(refusalOf(R"({"eggConfig":{"image":"game:1","limits":{"privileged":true}}})"),
              StartsWith("POLICY_VIOLATION payload.eggConfig.limits.privileged "));
  EXPECT_THAT(refusalOf(with(R"("ports":[{"internal":1,"external":1,"network-mode":"host"}])")),
              StartsWith("POLICY_VIOLATION payload.ports[0].network-mode "));
}

TEST(CreatePayload, TakesForbiddenFieldsThatAskForNothing) {
  EXPECT_EQ(refusalOf(with(R"("privileged":false,"mounts":[],"devices":null,"sysctls":{})")), "");
}

TEST(CreatePayload, TakesAnyNameInEnvironmentAndLabels) {
  EXPECT_EQ(refusalOf(with(
                R"("environment":{"DEVICES":"x"},"labels":{"runtime":"x","mock.run_for":"5s"})")),
            "");
}

TEST(CreatePayload, KeepsTheAgentsLabelsToTheAgent) {
  EXPECT_THAT(refusalOf(with(R"("labels":{"ctrl-alt-play.server-id":"other"})")),
              StartsWith("POLICY_VIOLATION payload.labels.ctrl-alt-play.server-id"));
  EXPECT_THAT(refusalOf(with(R"("labels":{"a":1})")),
              StartsWith("INVALID_PAYLOAD payload.labels.a "));
}

TEST(CreatePayload, IgnoresUnknownFields) {
  EXPECT_EQ(refusalOf(with(R"("colour":"red","node":{"x":[1]})")), "");
}

TEST(CreatePayload, RefusesWrongTypes) {
  for (const char* field :
       {R"("tty":"yes")", R"("start":1)", R"("startup":["./run"])", R"("stop":"SIGINT")",
        R"("restart":{"policy":"sometimes"})", R"("restart":{"maxRetries":-1})",
        R"("pull":"sometimes")", R"("labels":[])"})
    EXPECT_THAT(refusalOf(with(field)), StartsWith("INVALID_PAYLOAD payload.")) << field;
}

TEST(CreatePayload, StopStepsBecomeTheLadder) {
  const auto entry = created(
      R"({"image":"game:1","stop":{"steps":[{"command":"say bye","timeout":1.5},
          {"signal":"INT","timeout":20},{"command":"quit"}]}})");
  EXPECT_EQ(entry.stop_ladder.toText(), "!say%20bye/1500 SIGINT/20000 !quit/30000");
  EXPECT_EQ(entry.container.stop_signal, control::Signal::interrupt());
  EXPECT_EQ(entry.container.stop_timeout, std::chrono::seconds(20));
}

TEST(CreatePayload, StopWithoutACommandIsNoLadder) {
  EXPECT_TRUE(created(R"({"image":"game:1","stop":{"signal":"INT","timeout":5}})")
                  .stop_ladder.rungs.empty());
}

TEST(CreatePayload, RefusesStopStepsThatAreNone) {
  for (const char* steps :
       {R"("steps":[])", R"("steps":{})", R"("steps":["stop"])", R"("steps":[{}])",
        R"("steps":[{"timeout":5}])", R"("steps":[{"signal":"INT","command":"stop"}])",
        R"("steps":[{"signal":"NO"}])", R"("steps":[{"command":"a\nb"}])",
        R"("steps":[{"command":""}])", R"("steps":[{"command":"x","timeout":-1}])",
        R"("steps":[{"signal":"INT"}],"timeout":5)", R"("steps":[{"signal":"INT"}],"command":"x")",
        R"("command":"a\r")", R"("command":"")"})
    EXPECT_THAT(refusalOf(with("\"stop\":{" + std::string(steps) + "}")),
                StartsWith("INVALID_PAYLOAD payload.stop"))
        << steps;
}

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
  EXPECT_EQ(change.limits.memory_swap_bytes, 1024 * kMiB);
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

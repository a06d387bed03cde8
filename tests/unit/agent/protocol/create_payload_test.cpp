#include "unit/agent/protocol/payloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using payloads::created;
using payloads::json;
using payloads::kMiB;
using payloads::refusalOf;
using payloads::with;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

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
  for (const char* field : {R"("privileged":true)",
                            R"("Privileged":true)",
                            R"("capAdd":["SYS_ADMIN"])",
                            R"("cap_add":["ALL"])",
                            R"("devices":["/dev/kmsg"])",
                            R"("binds":["/:/host"])",
                            R"("mounts":[{"source":"/"}])",
                            R"("volumes":{"/":"/host"})",
                            R"("networkMode":"host")",
                            R"("hostNetwork":true)",
                            R"("pidMode":"host")",
                            R"("ipcMode":"host")",
                            R"("usernsMode":"host")",
                            R"("securityOpt":["seccomp=unconfined"])",
                            R"("runtime":"x")",
                            R"("cgroupParent":"/")",
                            R"("sysctls":{"a":"b"})",
                            R"("HostConfig":{"a":1})",
                            R"("oomKillDisable":true)",
                            R"("pid":"host")",
                            R"("netns":{"nsmode":"host"})",
                            R"("rootfs":"/")",
                            R"("oci_runtime":"/x")",
                            R"("unmask":["ALL"])",
                            R"("env_host":true)",
                            R"("securityContext":{"a":1})",
                            R"("hostPath":{"path":"/"})",
                            R"("cgroups":"disabled")"})
    EXPECT_THAT(refusalOf(with(field)), StartsWith("POLICY_VIOLATION payload.")) << field;
}

TEST(CreatePayload, RefusesToTakeAwayWhatKeepsAContainerIn) {
  for (const char* field :
       {R"("MaskedPaths":[])", R"("maskedPaths":[])", R"("masked_paths":["/proc/kcore"])",
        R"("ReadonlyPaths":[])", R"("readonly-paths":false)", R"("NoNewPrivileges":false)",
        R"("no_new_privileges":false)", R"("seccomp":false)", R"("seccomp":"")",
        R"("apparmor":false)", R"("selinux":false)"})
    EXPECT_THAT(refusalOf(with(field)), StartsWith("POLICY_VIOLATION payload.")) << field;
  EXPECT_EQ(refusalOf(with(R"("MaskedPaths":null,"ReadonlyPaths":null,"seccomp":null)")), "");
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
        R"("stop":{"timeout":null})", R"("stop":{"command":"a\u0085b"})",
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

}  // namespace
}  // namespace agent

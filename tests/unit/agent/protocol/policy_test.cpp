#include "agent/actions/policy.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/panel/refusal.h"

namespace agent {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Policy policyOf(std::string_view text) {
  auto policy = parsePolicy(text);
  EXPECT_TRUE(policy) << policy.error().message;
  return policy ? *std::move(policy) : Policy{};
}

std::string problemOf(std::string_view text) {
  const auto policy = parsePolicy(text);
  return policy ? "none" : policy.error().message;
}

template <class Work>
std::string refusalOf(Work work) {
  try {
    work();
  } catch (const Refusal& refusal) {
    EXPECT_EQ(refusal.code(), "POLICY_VIOLATION");
    return refusal.message();
  }
  return "none";
}

control::ContainerSpec game() {
  control::ContainerSpec spec;
  spec.image = "ghcr.io/example/game:1";
  return spec;
}

TEST(PolicyFile, EveryKeyIsRead) {
  const Policy policy = policyOf(R"({"images":["ghcr.io/example/*"],"ports":["25565","27000-27100"],
      "maxMemory":"4g","maxCpu":200,"maxPids":256,"maxServers":8,"stopSignals":["TERM","SIGINT"],
      "disk":{"reserve":"2g","onExceeded":"stop"}})");
  EXPECT_EQ(policy.images.size(), 1U);
  ASSERT_EQ(policy.host_ports.size(), 2U);
  EXPECT_EQ(policy.host_ports[1].first, 27000);
  EXPECT_EQ(policy.host_ports[1].last, 27100);
  EXPECT_EQ(policy.most_memory_bytes, std::int64_t{4} << 30);
  EXPECT_EQ(policy.most_nano_cpus, 2'000'000'000);
  EXPECT_EQ(policy.most_pids, 256);
  EXPECT_EQ(policy.most_servers, 8U);
  EXPECT_EQ(policy.stop_signals.size(), 2U);
  EXPECT_EQ(policy.disk_reserve_bytes, std::int64_t{2} << 30);
  EXPECT_EQ(policy.on_disk_exceeded, Policy::OnDiskExceeded::kStop);
  EXPECT_EQ(policyOf("{}").on_disk_exceeded, Policy::OnDiskExceeded::kEvent);
}

TEST(PolicyFile, WhatIsWrongIsNamed) {
  EXPECT_THAT(problemOf("{"), HasSubstr("no JSON object"));
  EXPECT_THAT(problemOf(R"({"image":["a"]})"),
              AllOf(HasSubstr("policy.image is unknown"), HasSubstr("images, ports")));
  EXPECT_THAT(problemOf(R"({"images":[]})"), HasSubstr("policy.images must be a list"));
  EXPECT_THAT(problemOf(R"({"images":"a"})"), HasSubstr("policy.images must be a list"));
  EXPECT_THAT(problemOf(R"({"ports":["0"]})"), HasSubstr("policy.ports must be"));
  EXPECT_THAT(problemOf(R"({"ports":["9-8"]})"), HasSubstr("\"9-8\""));
  EXPECT_THAT(problemOf(R"({"ports":["1-65536"]})"), HasSubstr("policy.ports must be"));
  EXPECT_THAT(problemOf(R"({"maxMemory":0})"), HasSubstr("policy.maxMemory must not be 0"));
  EXPECT_THAT(problemOf(R"({"maxMemory":"1m"})"),
              HasSubstr("policy.maxMemory must be at least 6 MiB"));
  EXPECT_EQ(problemOf(R"({"maxMemory":"6m"})"), "none");
  EXPECT_THAT(problemOf(R"({"maxMemory":"much"})"), HasSubstr("policy.maxMemory must be bytes"));
  EXPECT_THAT(problemOf(R"({"maxCpu":"x"})"), HasSubstr("policy.maxCpu must be"));
  EXPECT_THAT(problemOf(R"({"maxPids":0})"), HasSubstr("policy.maxPids"));
  EXPECT_THAT(problemOf(R"({"stopSignals":["BANG"]})"), HasSubstr("BANG"));
  EXPECT_THAT(problemOf(R"({"disk":{"reserved":1}})"),
              AllOf(HasSubstr("policy.disk.reserved is unknown"), HasSubstr("onExceeded")));
  EXPECT_THAT(problemOf(R"({"disk":"2g"})"), HasSubstr("policy.disk"));
  EXPECT_THAT(problemOf(R"({"disk":{"onExceeded":"kill"}})"), HasSubstr("policy.disk.onExceeded"));
  EXPECT_THAT(problemOf(R"({"disk":{"reserve":"much"}})"), HasSubstr("policy.disk.reserve"));
  EXPECT_THAT(problemOf(R"({"disk":{"reserve":"0.5"}})"),
              HasSubstr("policy.disk.reserve must be 0, or at least one byte"));
  EXPECT_THAT(problemOf(R"({"maxPids":1,"maxPids":2})"), HasSubstr("no JSON object"));
}

TEST(PolicyImages, PatternsMatchWholeReferences) {
  const Policy policy = policyOf(R"({"images":["ghcr.io/example/*","docker.io/library/busybox",
                                               "quay.io/a/b:1.*","registry:5000/x"]})");
  EXPECT_TRUE(policy.allowsImage("ghcr.io/example/game:1"));
  EXPECT_TRUE(policy.allowsImage("ghcr.io/example/deep/game"));
  EXPECT_TRUE(policy.allowsImage("busybox"));
  EXPECT_TRUE(policy.allowsImage("library/busybox:1.36"));
  EXPECT_TRUE(policy.allowsImage("docker.io/library/busybox@sha256:00ff"));
  EXPECT_TRUE(policy.allowsImage("quay.io/a/b:1.2"));
  EXPECT_TRUE(policy.allowsImage("registry:5000/x:2"));
  EXPECT_FALSE(policy.allowsImage("quay.io/a/b:2"));
  EXPECT_FALSE(policy.allowsImage("quay.io/a/b"));
  EXPECT_FALSE(policy.allowsImage("evil.example/ghcr.io/example/game"));
  EXPECT_FALSE(policy.allowsImage("ghcr.io/example"));
  EXPECT_FALSE(policy.allowsImage("ghcr.io/examples/game"));
  EXPECT_FALSE(policy.allowsImage("busybox2"));
  EXPECT_FALSE(policy.allowsImage("someone/busybox"));
  EXPECT_TRUE(Policy{}.allowsImage("anything"));
  const Policy official = policyOf(R"({"images":["docker.io/library/*"]})");
  EXPECT_TRUE(official.allowsImage("debian"));
  for (const char* id : {"4f06b3f2a1c0", "sha256:4f06b3f2a1c0", "deadbeef"})
    EXPECT_FALSE(official.allowsImage(id)) << id << " may be the id of any image of the host";
}

TEST(PolicyImages, AStarAloneStandsForEveryRegistry) {
  for (const char* all : {"*", "**"}) {
    Policy policy;
    policy.images = {all};
    for (const char* image : {"debian", "someone/game:1", "ghcr.io/example/game", "deadbeef"})
      EXPECT_TRUE(policy.allowsImage(image)) << all << ' ' << image;
  }
  const Policy each = policyOf(R"({"images":["*/*"]})");
  EXPECT_TRUE(each.allowsImage("debian"));
  EXPECT_TRUE(each.allowsImage("ghcr.io/example/game:1"));
  const Policy tagged = policyOf(R"({"images":["*:1.*"]})");
  EXPECT_TRUE(tagged.allowsImage("ghcr.io/example/game:1.2"));
  EXPECT_TRUE(tagged.allowsImage("debian:1.2"));
  EXPECT_FALSE(tagged.allowsImage("debian:2"));
}

TEST(PolicyImages, WhatIsAllowedIsToldInFull) {
  const Policy policy = policyOf(R"({"images":["nginx*","ghcr.io/example/*"]})");
  EXPECT_THAT(refusalOf([&] { requireAllowedImage(policy, "quay.io/a/nginx"); }),
              HasSubstr("allowed are docker.io/library/nginx*, ghcr.io/example/*"));
}

TEST(PolicyImages, ARegistryThatCouldBeAUserOfDockerIsRefused) {
  EXPECT_THAT(problemOf(R"({"images":["someone*/game"]})"),
              AllOf(HasSubstr("policy.images"), HasSubstr("\"docker.io/someone*/game\"")));
  for (const char* clear : {"*.example.com/game", "*/game", "host*:5000/x", "some*"})
    EXPECT_EQ(problemOf("{\"images\":[\"" + std::string(clear) + "\"]}"), "none") << clear;
}

TEST(PolicyImages, ManyStarsTakeNoTime) {
  Policy policy;
  for (int i = 0; i < 200; ++i) policy.images.push_back("a.b/" + std::string(100, '*') + "x*y*z");
  EXPECT_FALSE(policy.allowsImage("a.b/" + std::string(240, 'x')));
}

TEST(PolicyLimits, MoreThanTheCeilingIsRefusedAndNoneBecomesTheCeiling) {
  const Policy policy = policyOf(R"({"maxMemory":"1g","maxCpu":100,"maxPids":64})");
  control::ContainerSpec spec = game();
  applyPolicy(policy, spec);
  EXPECT_EQ(spec.limits.memory_bytes, 1 << 30);
  EXPECT_EQ(spec.limits.memory_swap_bytes, 1 << 30);
  EXPECT_EQ(spec.limits.nano_cpus, 1'000'000'000);
  EXPECT_EQ(spec.limits.pids, 64);
  spec.limits.memory_bytes = (1 << 30) + 1;
  EXPECT_THAT(refusalOf([&] { applyPolicy(policy, spec); }),
              AllOf(HasSubstr("payload.limits.memory"), HasSubstr("1073741824")));
  spec.limits.memory_bytes = 1 << 29;
  spec.limits.memory_swap_bytes = -1;
  EXPECT_THAT(refusalOf([&] { applyPolicy(policy, spec); }), HasSubstr("payload.limits.swap"));
  spec.limits.memory_swap_bytes = std::int64_t{900} << 40;
  EXPECT_THAT(refusalOf([&] { applyPolicy(policy, spec); }), HasSubstr("payload.limits.swap"));
  spec.limits.memory_swap_bytes = 1 << 29;
  spec.limits.nano_cpus = 1'000'000'001;
  EXPECT_THAT(refusalOf([&] { applyPolicy(policy, spec); }),
              AllOf(HasSubstr("payload.limits.cpu"), HasSubstr("100 percent")));
  spec.limits.nano_cpus = 1;
  spec.limits.pids = 65;
  EXPECT_THAT(refusalOf([&] { applyPolicy(policy, spec); }), HasSubstr("payload.limits.pids"));
}

TEST(PolicyLimits, AnUpdateIsHeldToThemNowAndWhenTheContainerIsMadeAnew) {
  const Policy policy = policyOf(R"({"maxMemory":"1g"})");
  control::EntryUpdate update;
  update.limits.memory_bytes = 2LL << 30;
  EXPECT_THAT(refusalOf([&] { applyPolicy(policy, update); }), HasSubstr("limits.memory"));
  update.limits.memory_bytes.reset();
  update.respec = [](control::ContainerSpec current) -> control::Result<control::ContainerSpec> {
    current.limits.memory_bytes.reset();
    return current;
  };
  applyPolicy(policy, update);
  EXPECT_FALSE(update.limits.memory_bytes) << "what was not asked for must not be changed";
  const auto anew = update.respec(game());
  ASSERT_TRUE(anew);
  EXPECT_EQ(anew->limits.memory_bytes, 1 << 30);
  control::ContainerSpec too_much = game();
  too_much.image = "x";
  const Policy images = policyOf(R"({"images":["a.b/c"]})");
  applyPolicy(images, update);
  const auto refused = update.respec(too_much);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, control::ErrorCode::kPermissionDenied);
}

TEST(PolicyPorts, OnlyThoseOfTheRanges) {
  const Policy policy = policyOf(R"({"ports":["25565","27000-27001"]})");
  control::ContainerSpec spec = game();
  for (const int port : {25565, 27000, 27001}) {
    spec.ports = {{.container_port = 1, .host_port = static_cast<std::uint16_t>(port)}};
    EXPECT_EQ(refusalOf([&] { applyPolicy(policy, spec); }), "none") << port;
  }
  for (const int port : {0, 22, 25564, 26999, 27002}) {
    spec.ports = {{.container_port = 1, .host_port = static_cast<std::uint16_t>(port)}};
    EXPECT_THAT(refusalOf([&] { applyPolicy(policy, spec); }), HasSubstr("25565, 27000-27001"))
        << port;
  }
}

TEST(PolicySignals, OnlyThoseOfTheList) {
  const Policy policy = policyOf(R"({"stopSignals":["TERM","INT"]})");
  requireAllowedSignal(policy, std::nullopt);
  requireAllowedSignal(policy, control::Signal::term());
  EXPECT_THAT(refusalOf([&] { requireAllowedSignal(policy, control::Signal{1}); }),
              AllOf(HasSubstr("SIGHUP"), HasSubstr("SIGTERM, SIGINT")));
}

TEST(PolicyFile, ThatOthersCanWriteIsRefused) {
  std::string pattern = (std::filesystem::temp_directory_path() / "policy-XXXXXX").string();
  const std::string folder = ::mkdtemp(pattern.data());
  const std::string path = folder + "/policy.json";
  std::ofstream(path) << R"({"maxServers":1})";
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  EXPECT_EQ(readPolicyFile(path)->most_servers, 1U);
  std::filesystem::permissions(path, std::filesystem::perms(0664));
  EXPECT_THAT(readPolicyFile(path).error().message, HasSubstr("writable by others"));
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  std::filesystem::permissions(folder, std::filesystem::perms(0777));
  EXPECT_THAT(readPolicyFile(path).error().message, HasSubstr("its folder"));
  std::filesystem::permissions(folder, std::filesystem::perms(0755));
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
    EXPECT_THAT(readPolicyFile(path).error().message, HasSubstr("belongs to user 12345"));
  }
  EXPECT_THAT(readPolicyFile(folder + "/none").error().message, HasSubstr("cannot be read"));
  EXPECT_FALSE(readPolicyFile(folder));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace agent

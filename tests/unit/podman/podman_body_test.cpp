#include "podman/podman_body.h"

#include <gtest/gtest.h>

#include "engine/json.h"
#include "podman/podman_api.h"
#include "podman/podman_endpoint.h"

namespace control::podman {
namespace {

using engine::JsonDocument;

ContainerSpec plain() {
  ContainerSpec spec;
  spec.name = "web";
  spec.image = "localhost/a:1";
  return spec;
}

JsonDocument bodyOf(const ContainerSpec& spec) {
  auto body = createBody(spec);
  EXPECT_TRUE(body) << body.error().message;
  return std::move(*JsonDocument::parse(body ? *body : "{}"));
}

void expectInvalid(const Result<std::string>& body, const char* word) {
  ASSERT_FALSE(body) << word;
  EXPECT_EQ(body.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(body.error().message.find(word), std::string::npos) << body.error().message;
}

TEST(PodmanCreateBody, CarriesWhatTheEngineTakesInItsTypes) {
  ContainerSpec spec = plain();
  spec.command = {"a", "b c"};
  spec.environment = {{"A", "1"}, {"B", ""}};
  spec.stop_signal = Signal{35};
  spec.stop_timeout = std::chrono::milliseconds(1500);
  spec.tty = true;
  spec.open_stdin = true;
  spec.limits = {.memory_bytes = 64 << 20, .nano_cpus = 500'000'000, .pids = 50};
  spec.ports = {{.container_port = 80, .host_port = 8080, .host_ip = "127.0.0.1"},
                {.container_port = 90, .protocol = PortProtocol::kUdp}};
  spec.mounts = {{.source = "/a", .target = "/b", .read_only = true},
                 {.type = Mount::Type::kVolume, .source = "vol", .target = "/v"},
                 {.type = Mount::Type::kTmpfs, .target = "/t"}};
  const JsonDocument document = bodyOf(spec);
  const auto body = document.root();
  EXPECT_EQ(body["stop_signal"].integer(), 35) << "a number, no name";
  EXPECT_EQ(body["stop_timeout"].integer(), 2);
  EXPECT_EQ(body["env"]["A"].string(), "1");
  EXPECT_EQ(body["env"]["B"].string(), "");
  EXPECT_TRUE(body["terminal"].isTrue());
  EXPECT_TRUE(body["stdin"].isTrue());
  const auto limits = body["resource_limits"];
  EXPECT_EQ(limits["memory"]["limit"].integer(), 64 << 20);
  EXPECT_EQ(limits["cpu"]["quota"].integer(), 50'000);
  EXPECT_EQ(limits["cpu"]["period"].integer(), 100'000);
  EXPECT_EQ(limits["pids"]["limit"].integer(), 50);
  int volumes = 0;
  body["volumes"].forEachElement([&](const auto& one) {
    ++volumes;
    EXPECT_EQ(one["Name"].string(), "vol");
    EXPECT_EQ(one["Dest"].string(), "/v");
  });
  EXPECT_EQ(volumes, 1);
  EXPECT_EQ(body["annotations"]["control.any-host-port"].string(), "90/udp");
  EXPECT_TRUE(body["restart_policy"].isMissing());
  EXPECT_EQ(body["log_configuration"]["driver"].string(), "k8s-file");
}

TEST(PodmanCreateBody, AsksForNoLimitWhereTheEngineHasOneOfItsOwn) {
  const JsonDocument document = bodyOf(plain());
  EXPECT_EQ(document.root()["resource_limits"]["pids"]["limit"].integer(), -1);
}

TEST(PodmanCreateBody, KeepsALimitedLogInAFile) {
  ContainerSpec spec = plain();
  spec.log_limit_bytes = 5 << 20;
  const JsonDocument document = bodyOf(spec);
  const auto log = document.root()["log_configuration"];
  EXPECT_EQ(log["driver"].string(), "k8s-file");
  EXPECT_EQ(log["size"].integer(), 5 << 20);
  EXPECT_TRUE(log["options"].isMissing()) << "it knows no mode and keeps one file";
}

TEST(PodmanCreateBody, ReadsTheSizeOfALog) {
  ContainerSpec spec = plain();
  spec.log_options = {{"max-size", "5m"}};
  EXPECT_EQ(bodyOf(spec).root()["log_configuration"]["size"].integer(), 5 << 20);
  for (const char* size : {"", "m", "-1", "5 m", "5x", "99999999999g"}) {
    spec.log_options = {{"max-size", size}};
    expectInvalid(createBody(spec), "max-size");
  }
}

TEST(PodmanCreateBody, RefusesWhatTheEngineWouldPassOver) {
  ContainerSpec spec = plain();
  spec.log_driver = "local";
  expectInvalid(createBody(spec), "k8s-file");
  spec = plain();
  spec.log_options = {{"max-file", "3"}};
  expectInvalid(createBody(spec), "max-file");
  spec = plain();
  spec.engine_options = {{"runtime", "crun"}};
  expectInvalid(createBody(spec), "cgroup_parent");
  spec = plain();
  spec.limits.memory_bytes = 1 << 20;
  expectInvalid(createBody(spec), "6 MiB");
  spec.limits = {.memory_bytes = 64 << 20, .memory_swap_bytes = 32 << 20};
  expectInvalid(createBody(spec), "swap");
  spec.limits = {.memory_swap_bytes = 32 << 20};
  expectInvalid(createBody(spec), "memory limit");
  spec.limits = {.nano_cpus = 1'000'000};
  expectInvalid(createBody(spec), "0.01");
  spec = plain();
  spec.network = NetworkMode::kNone;
  spec.ports = {{.container_port = 80}};
  expectInvalid(createBody(spec), "network");
}

TEST(PodmanUpdateBody, CarriesOnlyWhatIsGiven) {
  EXPECT_EQ(*updateBody({.pids = 5}), R"({"pids":{"limit":5}})");
  EXPECT_FALSE(updateBody({}));
  EXPECT_FALSE(updateBody({.memory_bytes = 0}));
}

TEST(PodmanTimes, AreTextWithNineDecimals) {
  EXPECT_EQ(timeText(WallTime(std::chrono::nanoseconds(1'000'000'002))),
            "1970-01-01T00:00:01.000000002Z");
}

TEST(PodmanVersions, From4Point3OnAreUnderstood) {
  EXPECT_EQ(readVersion("4.3.1")->minor, 3);
  EXPECT_TRUE(readVersion("5.0.0-dev")->atLeast(4, 9));
  EXPECT_TRUE(readVersion("6.1")->atLeast(5, 8));
  EXPECT_FALSE(readVersion("4.9.4")->atLeast(5, 0));
  EXPECT_EQ(readVersion("4.2.9").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(readVersion("3.4").error().code, ErrorCode::kUnsupported);
  for (const char* text : {"", "4", "x.y", "-1.3", "4.", ".3"})
    EXPECT_EQ(readVersion(text).error().code, ErrorCode::kInternal) << text;
}

// ---- endpoints ----

Result<engine::Address> at(const std::string& uri,
                           const std::map<std::string, std::string>& environment = {}) {
  HostContext host;
  host.environment = [environment](std::string_view name) {
    const auto found = environment.find(std::string(name));
    return found == environment.end() ? std::string() : found->second;
  };
  auto endpoint = Endpoint::parse(uri);
  if (!endpoint) return endpoint.error();
  return addressOf(*endpoint, host);
}

TEST(PodmanEndpoint, NamesASocket) {
  EXPECT_EQ(at("podman:///run/p.sock")->socket_path, "/run/p.sock");
  EXPECT_EQ(at("podman:///", {{"CONTAINER_HOST", "unix:///x/y.sock"}})->socket_path, "/x/y.sock");
  EXPECT_EQ(at("podman:///run/p.sock", {{"CONTAINER_HOST", "unix:///x/y.sock"}})->socket_path,
            "/run/p.sock");
}

TEST(PodmanEndpoint, IsRootsOrTheUsersOwnSocketByDefault) {
  EXPECT_EQ(defaultSocket(0, "/run/user/0"), "/run/podman/podman.sock");
  EXPECT_EQ(defaultSocket(1000, "/run/user/1000"), "/run/user/1000/podman/podman.sock");
  EXPECT_EQ(defaultSocket(1000, ""), "/run/user/1000/podman/podman.sock");
}

TEST(PodmanEndpoint, RefusesWhatItDoesNotKnow) {
  for (const auto& refused :
       {at("podman:///?x=1"), at("podman:///run/p.sock?ca=/x"), at("podman+tcp://h:1/"),
        at("podman://host/"), at("podman:///", {{"CONTAINER_HOST", "ssh://u@h/run/p.sock"}}),
        at("podman:///", {{"CONTAINER_HOST", "tcp://h:1"}}),
        at("podman:///" + std::string(200, 'x'))}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument) << refused.error().message;
  }
}

}  // namespace
}  // namespace control::podman

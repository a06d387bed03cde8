#include "docker/docker_body.h"

#include <gtest/gtest.h>

#include <functional>

#include "docker/docker_endpoint.h"
#include "engine/json.h"

namespace control::docker {
namespace {

ContainerSpec minimal() {
  ContainerSpec spec;
  spec.image = "docker.io/library/busybox:1.36";
  return spec;
}

TEST(DockerCreateBody, SaysNoMoreThanWasAsked) {
  EXPECT_EQ(*createBody(minimal()),
            R"({"HostConfig":{},"Image":"docker.io/library/busybox:1.36"})");
}

TEST(DockerCreateBody, NeverCarriesARestartPolicyOrASingleUseStdin) {
  ContainerSpec spec = minimal();
  spec.open_stdin = true;
  const std::string body = *createBody(spec);
  EXPECT_EQ(body.find("RestartPolicy"), std::string::npos);
  EXPECT_EQ(body.find("StdinOnce"), std::string::npos);
}

TEST(DockerCreateBody, WritesPortsLimitsAndStopSettings) {
  ContainerSpec spec = minimal();
  spec.ports = {{.container_port = 80, .host_port = 8080, .host_ip = "127.0.0.1"},
                {.container_port = 80}};
  spec.limits = {.memory_bytes = 64 << 20, .pids = 5};
  spec.stop_signal = Signal{37};
  spec.stop_timeout = std::chrono::milliseconds(1500);
  const auto document = engine::JsonDocument::parse(*createBody(spec));
  ASSERT_TRUE(document);
  const auto root = document->root();
  EXPECT_EQ(root["StopSignal"].string(), "37");
  EXPECT_EQ(root["StopTimeout"].integer(), 2);
  EXPECT_EQ(root["HostConfig"]["Memory"].integer(), 64 << 20);
  EXPECT_TRUE(root["ExposedPorts"]["80/tcp"].isObject());
  std::vector<std::string> hosts;
  root["HostConfig"]["PortBindings"]["80/tcp"].forEachElement(
      [&](const engine::JsonValue& one) { hosts.push_back(one["HostPort"].stringOrEmpty()); });
  EXPECT_EQ(hosts, (std::vector<std::string>{"8080", ""}));
}

TEST(DockerCreateBody, RefusesWhatTheEngineWouldTakeInSilence) {
  const std::vector<std::function<void(ContainerSpec&)>> mistakes = {
      [](ContainerSpec& s) { s.name = "a b"; },
      [](ContainerSpec& s) { s.name = "x"; },
      [](ContainerSpec& s) { s.name = std::string(256, 'x'); },
      [](ContainerSpec& s) { s.image = ""; },
      [](ContainerSpec& s) { s.image = "../etc"; },
      [](ContainerSpec& s) {
        s.environment = {{"A=B", "1"}};
      },
      [](ContainerSpec& s) {
        s.environment = {{"A", std::string("x\0y", 3)}};
      },
      [](ContainerSpec& s) {
        s.labels = {{"k", "\xff"}};
      },
      [](ContainerSpec& s) { s.working_directory = "relative"; },
      [](ContainerSpec& s) { s.stop_signal = Signal{65}; },
      [](ContainerSpec& s) { s.stop_timeout = std::chrono::seconds(-1); },
      [](ContainerSpec& s) { s.limits.memory_bytes = 0; },
      [](ContainerSpec& s) { s.limits.nano_cpus = -1; },
      [](ContainerSpec& s) { s.limits.pids = 0; },
      [](ContainerSpec& s) { s.limits.io_weight = 5; },
      [](ContainerSpec& s) { s.ports = {{.container_port = 0}}; },
      [](ContainerSpec& s) { s.ports = {{.container_port = 1, .host_ip = "localhost"}}; },
      [](ContainerSpec& s) { s.ports = {{.container_port = 1}}, s.network = NetworkMode::kNone; },
      [](ContainerSpec& s) { s.mounts = {{.source = "relative", .target = "/a"}}; },
      [](ContainerSpec& s) { s.mounts = {{.source = "/a", .target = "/"}}; },
      [](ContainerSpec& s) { s.drop_capabilities = {"NET ADMIN"}; },
      [](ContainerSpec& s) { s.log_driver = "jsonfile"; },
      [](ContainerSpec& s) { s.log_limit_bytes = 0; },
      [](ContainerSpec& s) { s.log_limit_bytes = 1, s.log_driver = "local"; },
      [](ContainerSpec& s) {
        s.engine_options = {{"privileged", "true"}};
      },
  };
  for (std::size_t i = 0; i < mistakes.size(); ++i) {
    ContainerSpec spec = minimal();
    mistakes[i](spec);
    const auto body = createBody(spec);
    ASSERT_FALSE(body) << "mistake " << i;
    EXPECT_EQ(body.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(DockerCreateBody, KeepsALimitedLogInTheLocalDriver) {
  ContainerSpec spec = minimal();
  spec.log_limit_bytes = 5 << 20;
  const auto document = engine::JsonDocument::parse(*createBody(spec));
  ASSERT_TRUE(document);
  const auto log = document->root()["HostConfig"]["LogConfig"];
  EXPECT_EQ(log["Type"].string(), "local");
  // A process that writes faster than the engine reads is not held up; it loses lines.
  EXPECT_EQ(log["Config"]["mode"].string(), "non-blocking");
  EXPECT_EQ(log["Config"]["max-size"].string(), "5242880");
  EXPECT_EQ(log["Config"]["max-file"].string(), "1");
  EXPECT_EQ(log["Config"]["compress"].string(), "false");
}

TEST(DockerCreateBody, ListsTheEngineOptionsItKnows) {
  ContainerSpec spec = minimal();
  spec.engine_options = {{"typo", "1"}};
  EXPECT_NE(createBody(spec).error().message.find("cgroup_parent, runtime"), std::string::npos);
}

TEST(DockerReferences, AreSplitAtTagAndDigest) {
  EXPECT_EQ(splitReference("busybox")->tag, "latest");
  EXPECT_EQ(splitReference("host:5000/a/b")->name, "host:5000/a/b");
  EXPECT_EQ(splitReference("host:5000/a/b:1")->tag, "1");
  EXPECT_EQ(splitReference("a:1@sha256:00")->name, "a");
  EXPECT_EQ(splitReference("a:1@sha256:00")->tag, "sha256:00");
  EXPECT_FALSE(splitReference("a b"));
}

TEST(DockerFilters, AreWrittenAsTheEngineReadsThem) {
  EXPECT_EQ(listFilters({}), "");
  EXPECT_EQ(
      listFilters({.labels = {{"a", ""}, {"b", "c\"d"}}, .states = {ContainerState::kRunning}}),
      R"({"label":["a","b=c\"d"],"status":["running"]})");
  EXPECT_EQ(eventFilters({}), R"({"type":["container"]})");
}

TEST(DockerCredentials, AreBase64OfAnObject) {
  EXPECT_EQ(*registryAuth({.server = "r", .username = "u", .password = "p"}),
            "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6InAiLCJzZXJ2ZXJhZGRyZXNzIjoiciJ9");
}

Result<engine::Address> address(std::string_view uri, const std::string& docker_host = "") {
  HostContext host;
  host.environment = [&](std::string_view name) {
    return name == "DOCKER_HOST" ? docker_host : std::string();
  };
  const auto endpoint = Endpoint::parse(uri);
  if (!endpoint) return endpoint.error();
  return addressOf(*endpoint, host);
}

TEST(DockerEndpoint, MeansTheDefaultSocketOrDockerHost) {
  EXPECT_EQ(address("docker:///")->socket_path, "/var/run/docker.sock");
  EXPECT_EQ(address("docker:///", "unix:///x/y.sock")->socket_path, "/x/y.sock");
  EXPECT_EQ(address("docker:///", "tcp://10.0.0.1:99")->port, 99);
  EXPECT_FALSE(address("docker:///", "ssh://host"));
  EXPECT_EQ(address("docker:///a.sock", "unix:///x/y.sock")->socket_path, "/a.sock");
}

TEST(DockerEndpoint, RefusesWhatItDoesNotKnow) {
  for (const char* uri :
       {"docker:///a.sock?typo=1", "docker:///a.sock?ca=/x", "docker+quic://h:1", "docker://host/",
        "docker+tcp:///", "docker+tcp://h:1?ca=/x", "docker+tls://h:1?cert=/x",
        "docker+tls://h:1?ca=relative", "docker+tls://h:1?ca=/no/such/file"}) {
    const auto result = address(uri);
    ASSERT_FALSE(result) << uri;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument) << uri;
  }
  EXPECT_TRUE(address("docker+tls://h")->tls);
  EXPECT_EQ(address("docker+tls://h")->port, 2376);
}

}  // namespace
}  // namespace control::docker

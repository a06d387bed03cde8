#include "docker/docker_json.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "docker/docker_errors.h"

namespace control::docker {
namespace {

std::string reply(const std::string& name) {
  const std::ifstream file(std::string(CONTROL_TEST_FIXTURES) + "/replies/docker/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

TEST(DockerInspect, ReadsACreatedContainer) {
  const auto read = parseInspect(reply("inspect_created.json"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->info.state, ContainerState::kCreated);
  EXPECT_EQ(read->info.spec.name, "fixture");
  EXPECT_EQ(read->info.spec.labels.at("game"), "minecraft");
  EXPECT_EQ(read->info.spec.limits.memory_bytes, 64 << 20);
  EXPECT_EQ(read->info.spec.network, NetworkMode::kNone);
  EXPECT_FALSE(read->info.started_at);
  EXPECT_FALSE(read->info.exit);
  EXPECT_FALSE(read->info.pid);
}

TEST(DockerInspect, ReadsHowARunEnded) {
  const auto read = parseInspect(reply("inspect_exited.json"));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_TRUE(read->info.exit);
  EXPECT_EQ(read->info.exit->exit_code, 3);
  EXPECT_EQ(read->info.exit->oom_killed, false);
  EXPECT_EQ(read->info.exit->run.started_at, read->info.started_at);
  EXPECT_FALSE(read->info.exit->signal);
  const auto run = parseRunState(reply("inspect_exited.json"));
  ASSERT_TRUE(run);
  EXPECT_FALSE(run->running);
  EXPECT_EQ(run->name, "fixture");
  EXPECT_EQ(run->started_at, read->info.started_at);
}

TEST(DockerInspect, ReadsPortsAsTheyAreBound) {
  const auto read = parseInspect(reply("inspect_running.json"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_GT(read->info.pid.value_or(0), 0);
  ASSERT_EQ(read->info.spec.ports.size(), 1U) << "IPv4 and IPv6 are one";
  EXPECT_EQ(read->info.spec.ports[0].container_port, 80);
  EXPECT_EQ(read->info.spec.ports[0].host_port, 31099);
}

TEST(DockerInspect, ReadsWhatTheHealthCheckSays) {
  const auto health = [](const std::string& name) {
    const auto read = parseInspect(reply(name));
    return read ? read->info.health : std::nullopt;
  };
  const auto starting = health("inspect_health_starting.json");
  ASSERT_TRUE(starting);
  EXPECT_EQ(starting->state, Health::State::kStarting);
  EXPECT_EQ(starting->raw_state, "starting");
  EXPECT_FALSE(starting->checked);
  EXPECT_EQ(starting->interval, std::chrono::seconds(1));
  const auto unhealthy = health("inspect_health_unhealthy.json");
  EXPECT_EQ(unhealthy->state, Health::State::kUnhealthy);
  EXPECT_TRUE(unhealthy->checked);
  EXPECT_EQ(health("inspect_health_healthy.json")->state, Health::State::kHealthy);
  EXPECT_FALSE(health("inspect_running.json"));
}

TEST(DockerInspect, KeepsAStateNobodyHasHeardOf) {
  const auto read = parseInspect(R"({"Id":"a","State":{"Status":"dreaming"}})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->info.state, ContainerState::kUnknown);
  EXPECT_EQ(read->info.raw_state, "dreaming");
}

TEST(DockerInspect, RefusesAnAnswerWithoutWhatMatters) {
  for (const char* text :
       {"{}", "[]", "null", "", R"({"Id":"a"})", R"({"Id":5,"State":{"Status":"running"}})"}) {
    const auto read = parseInspect(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kInternal);
  }
}

TEST(DockerList, ReadsRows) {
  const auto list = parseList(reply("list_one.json"));
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().name, "fixture");
  EXPECT_EQ(list->front().state, ContainerState::kExited);
  EXPECT_EQ(list->front().labels.at("game"), "minecraft");
  EXPECT_FALSE(parseList("{}"));
  EXPECT_FALSE(parseList("[{}]"));
}

TEST(DockerEvents, ReadsALife) {
  std::istringstream lines(reply("events_life.json"));
  std::vector<EventType> types;
  for (std::string line; std::getline(lines, line);) {
    const auto event = parseEvent(line);
    ASSERT_TRUE(event && *event) << line;
    if ((*event)->labels.contains("game")) types.push_back((*event)->type);
    if ((*event)->type == EventType::kExited && (*event)->name == "fixture") {
      EXPECT_EQ((*event)->exit_code, 3);
      EXPECT_FALSE((*event)->labels.contains("exitCode"));
      EXPECT_GT((*event)->at.time_since_epoch().count(), 0);
    }
  }
  EXPECT_EQ(types, (std::vector{EventType::kStarted, EventType::kExited, EventType::kRemoved}));
}

TEST(DockerEvents, KeepsAnUnknownWordAndPassesOverOtherThings) {
  const auto unknown = parseEvent(
      R"({"Type":"container","Action":"health_status: healthy","Actor":{"ID":"a","Attributes":{"name":"n"}},"timeNano":5})");
  ASSERT_TRUE(unknown && *unknown);
  EXPECT_EQ((*unknown)->type, EventType::kUnknown);
  EXPECT_EQ((*unknown)->raw_type, "health_status: healthy");
  const auto network = parseEvent(R"({"Type":"network","Action":"connect"})");
  ASSERT_TRUE(network);
  EXPECT_FALSE(*network);
  EXPECT_FALSE(parseEvent("{\"Type\":"));
}

TEST(DockerStats, ReadsCounters) {
  const auto sample = parseStats(reply("stats_running.json"), {});
  ASSERT_TRUE(sample) << sample.error().message;
  EXPECT_GT(sample->cpu_time.value_or(Duration{}).count(), 0);
  EXPECT_EQ(sample->memory_limit_bytes, std::uint64_t{64} << 20);
  EXPECT_LE(sample->memory_working_set_bytes.value(), sample->memory_usage_bytes.value());
  EXPECT_TRUE(sample->network_rx_bytes);
}

TEST(DockerStats, OfAStoppedContainerAreWrongStateAndNotZeros) {
  const auto sample = parseStats(reply("stats_stopped.json"), {});
  ASSERT_FALSE(sample);
  EXPECT_EQ(sample.error().code, ErrorCode::kWrongState);
}

TEST(DockerStats, LeavesOutWhatTheEngineDoesNotSay) {
  const auto sample = parseStats(
      R"({"read":"2026-01-01T00:00:00Z","pids_stats":{"current":1,"limit":18446744073709551615}})",
      {});
  ASSERT_TRUE(sample) << sample.error().message;
  EXPECT_EQ(sample->pids, 1U);
  EXPECT_FALSE(sample->pids_limit);
  EXPECT_FALSE(sample->cpu_time);
  EXPECT_FALSE(sample->network_rx_bytes);
}

TEST(DockerPull, FindsTheErrorInTheStream) {
  const auto failed =
      parsePullStep(R"({"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"})");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->error, "manifest unknown");
  EXPECT_EQ(pullError(failed->error).code, ErrorCode::kImageNotFound);
  EXPECT_EQ(pullError("unauthorized: authentication required").code, ErrorCode::kPermissionDenied);
  // The same of an engine that keeps its images in containerd.
  EXPECT_EQ(pullError("failed to resolve reference \"localhost:5000/a:1\": unexpected status from "
                      "HEAD request to http://localhost:5000/v2/a/manifests/1: 401 Unauthorized")
                .code,
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(pullError("dial tcp: i/o timeout").code, ErrorCode::kUnavailable);
  const auto step = parsePullStep(
      R"({"status":"Downloading","progressDetail":{"current":5,"total":9},"id":"ab"})");
  ASSERT_TRUE(step);
  EXPECT_EQ(step->progress.current_bytes, 5);
  EXPECT_FALSE(step->finished);
  EXPECT_TRUE(parsePullStep(R"({"status":"Status: Image is up to date for a:1"})")->finished);
}

TEST(DockerSmallReplies, AreRead) {
  EXPECT_EQ(parseWait(reply("wait_exited.json"))->exit_code, 3);
  EXPECT_FALSE(parseWait(R"({"StatusCode":0,"Error":{"Message":"lost"}})"));
  EXPECT_FALSE(parseWait(""));
  EXPECT_EQ(parseVersion(reply("version.json"))->os, "linux");
  EXPECT_TRUE(parseImage(reply("image.json"))->id.starts_with("sha256:"));
}

struct ErrorCase {
  int status;
  const char* body;
  Subject subject;
  ErrorCode code;
};

TEST(DockerErrors, AreToldApartByStatusAndText) {
  for (const ErrorCase& one : {
           ErrorCase{404, R"({"message":"No such image: x:latest"})", Subject::kCreate,
                     ErrorCode::kImageNotFound},
           ErrorCase{409, R"({"message":"Conflict. The container name \"/x\" is already in use"})",
                     Subject::kCreate, ErrorCode::kAlreadyExists},
           ErrorCase{400, R"({"message":"Minimum memory limit allowed is 6MB"})", Subject::kCreate,
                     ErrorCode::kInvalidArgument},
           ErrorCase{404, R"({"message":"No such container: x"})", Subject::kStart,
                     ErrorCode::kNotFound},
           ErrorCase{404, R"({"message":"network x not found"})", Subject::kStart,
                     ErrorCode::kStartFailed},
           ErrorCase{500, R"({"message":"Bind for 0.0.0.0:80 failed: port is already allocated"})",
                     Subject::kStart, ErrorCode::kPortConflict},
           ErrorCase{500, R"({"message":"failed to bind host port: address already in use"})",
                     Subject::kStart, ErrorCode::kPortConflict},
           ErrorCase{400, R"({"message":"OCI runtime create failed"})", Subject::kStart,
                     ErrorCode::kStartFailed},
           ErrorCase{500, R"({"message":"mkdir /var/lib/docker/x: no space left on device"})",
                     Subject::kStart, ErrorCode::kResourceExhausted},
           ErrorCase{500, R"({"message":"invalid rlimit"})", Subject::kStart,
                     ErrorCode::kStartFailed},
           ErrorCase{503, R"({"message":"this node is not ready"})", Subject::kStart,
                     ErrorCode::kUnavailable},
           ErrorCase{409, R"({"message":"cannot start a paused container"})", Subject::kStart,
                     ErrorCode::kWrongState},
           ErrorCase{404, "No such container: x\r\n", Subject::kContainer, ErrorCode::kNotFound},
           ErrorCase{501, R"({"message":"configured logging driver does not support reading"})",
                     Subject::kContainer, ErrorCode::kUnsupported},
           ErrorCase{500, R"({"message":"write: no space left on device"})", Subject::kContainer,
                     ErrorCode::kResourceExhausted},
           ErrorCase{500, R"({"message":"container is marked for removal"})", Subject::kContainer,
                     ErrorCode::kWrongState},
           ErrorCase{500, "", Subject::kContainer, ErrorCode::kInternal},
       }) {
    const Error error = errorFromReply(one.status, one.body, one.subject);
    EXPECT_EQ(toString(error.code), toString(one.code)) << one.body;
    EXPECT_EQ(error.native, std::to_string(one.status));
    EXPECT_EQ(error.effect, Effect::kNone);
  }
}

}  // namespace
}  // namespace control::docker

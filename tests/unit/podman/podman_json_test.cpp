#include "podman/podman_json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "podman/podman_errors.h"

namespace control::podman {
namespace {

/// Replies of one version of Podman to the same requests.
class PodmanReplies : public ::testing::TestWithParam<const char*> {
 protected:
  static std::string reply(const std::string& name) {
    const std::ifstream file(std::string(CONTROL_TEST_FIXTURES) + "/replies/" + GetParam() + "/" +
                             name);
    std::ostringstream text;
    text << file.rdbuf();
    EXPECT_FALSE(text.str().empty()) << name;
    return text.str();
  }

  static ContainerInfo inspected(const std::string& name) {
    auto read = parseInspect(reply(name));
    EXPECT_TRUE(read) << read.error().message;
    return read ? *read : ContainerInfo{};
  }

  static bool version4() { return GetParam() == std::string("podman-4"); }
};

INSTANTIATE_TEST_SUITE_P(Versions, PodmanReplies,
                         ::testing::Values("podman-4", "podman-5", "podman-5.8"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::erase_if(name, [](char c) { return c == '-' || c == '.'; });
                           return name;
                         });

TEST_P(PodmanReplies, TellACreatedContainerInBothForms) {
  for (const char* name : {"inspect_created.json", "inspect_created_v5.json"}) {
    const ContainerInfo info = inspected(name);
    EXPECT_EQ(info.state, ContainerState::kCreated);
    EXPECT_EQ(info.spec.name, "web");
    EXPECT_EQ(info.spec.image, "localhost/control-test:latest");
    EXPECT_TRUE(info.spec.entrypoint.empty());
    ASSERT_EQ(info.spec.command.size(), 3U);
    EXPECT_EQ(info.spec.command[1], "-c");
    EXPECT_EQ(info.spec.environment, (std::vector<std::pair<std::string, std::string>>{
                                         {"A", "1"}, {"B", "two words"}, {"PATH", "/bin"}}));
    EXPECT_EQ(info.spec.labels.at("a.b"), "c");
    EXPECT_EQ(info.spec.stop_signal, Signal::term());
    EXPECT_EQ(info.spec.stop_timeout, std::chrono::seconds(20));
    EXPECT_EQ(info.spec.limits.memory_bytes, 64 << 20);
    EXPECT_EQ(info.spec.limits.pids, 100);
    EXPECT_EQ(info.spec.hostname, "web.local");
    EXPECT_EQ(info.spec.add_capabilities, std::vector<std::string>{"NET_ADMIN"});
    EXPECT_EQ(info.spec.drop_capabilities, std::vector<std::string>{"NET_BIND_SERVICE"});
    EXPECT_EQ(info.spec.log_driver, "k8s-file");
    EXPECT_FALSE(info.exit);
    EXPECT_FALSE(info.started_at);
    EXPECT_FALSE(info.pid);
    EXPECT_TRUE(info.created_at);
  }
}

TEST_P(PodmanReplies, TellMountsAndPorts) {
  const ContainerInfo info = inspected("inspect_created.json");
  ASSERT_EQ(info.spec.mounts.size(), 2U);
  EXPECT_EQ(info.spec.mounts[0],
            (Mount{.type = Mount::Type::kVolume, .source = "vol1", .target = "/vol"}));
  EXPECT_EQ(info.spec.mounts[1].type, Mount::Type::kBind);
  EXPECT_EQ(info.spec.mounts[1].target, "/data");
  EXPECT_TRUE(info.spec.mounts[1].read_only);
  ASSERT_EQ(info.spec.ports.size(), 2U);
  EXPECT_EQ(info.spec.ports[0],
            (PortMapping{.container_port = 80, .host_port = 18080, .host_ip = "127.0.0.1"}));
  EXPECT_EQ(
      info.spec.ports[1],
      (PortMapping{.container_port = 81, .host_port = 18081, .protocol = PortProtocol::kUdp}));
}

TEST_P(PodmanReplies, TellRunningAndPausedContainers) {
  for (const char* name : {"inspect_running.json", "inspect_running_v5.json"}) {
    const ContainerInfo running = inspected(name);
    EXPECT_EQ(running.state, ContainerState::kRunning);
    EXPECT_GT(running.pid.value_or(0), 1);
    EXPECT_TRUE(running.started_at);
    EXPECT_FALSE(running.exit);
    EXPECT_TRUE(running.error.empty()) << running.error;
    const auto run = parseRunState(reply(name));
    ASSERT_TRUE(run) << run.error().message;
    EXPECT_TRUE(run->running);
    EXPECT_EQ(run->started_at, running.started_at);
    EXPECT_EQ(run->pid, running.pid);
    EXPECT_FALSE(run->exit_code);
  }
  EXPECT_EQ(inspected("inspect_paused.json").state, ContainerState::kPaused);
  const auto paused = parseRunState(reply("inspect_paused.json"));
  ASSERT_TRUE(paused) << paused.error().message;
  EXPECT_TRUE(paused->running) << "a process exists";
  EXPECT_TRUE(paused->paused);
  EXPECT_TRUE(inspected("inspect_tty_running.json").spec.tty);
}

TEST_P(PodmanReplies, TellHowARunEnded) {
  const ContainerInfo exited = inspected("inspect_exited.json");
  EXPECT_EQ(exited.state, ContainerState::kExited);
  ASSERT_TRUE(exited.exit);
  EXPECT_EQ(exited.exit->exit_code, 7);
  EXPECT_EQ(exited.exit->run.started_at, exited.started_at);
  EXPECT_TRUE(exited.exit->finished_at);
  EXPECT_TRUE(exited.error.empty()) << exited.error;
  const auto run = parseRunState(reply("inspect_exited_v5.json"));
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_FALSE(run->running);
  EXPECT_EQ(run->exit_code, 7);
  const ContainerInfo killed = inspected("inspect_killed.json");
  ASSERT_TRUE(killed.exit);
  EXPECT_EQ(killed.exit->exit_code, 137);
  EXPECT_NE(killed.exit->oom_killed, true);
}

TEST_P(PodmanReplies, TellAFailedStart) {
  const ContainerInfo info = inspected("inspect_start_failed.json");
  EXPECT_EQ(info.state, ContainerState::kCreated);
  EXPECT_FALSE(info.exit);
  EXPECT_EQ(info.error.empty(), version4()) << "4.3 does not keep it";
}

TEST_P(PodmanReplies, TellListsWithPodsInThem) {
  const auto list = parseList(reply("list_all_kinds.json"));
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_GT(list->size(), 1U);
  const auto running = parseList(reply("list_running.json"));
  ASSERT_TRUE(running && !running->empty());
  EXPECT_EQ(running->front().name, "web");
  EXPECT_EQ(running->front().state, ContainerState::kRunning);
  EXPECT_EQ(running->front().labels.at("managed"), "true");
  EXPECT_TRUE(running->front().created_at);
  EXPECT_TRUE(parseList(reply("list_empty.json"))->empty());
}

TEST_P(PodmanReplies, TellStatistics) {
  const auto container = parseRunState(reply("inspect_running.json"));
  ASSERT_TRUE(container);
  const RunId run{container->id, *container->started_at};
  const StatsDialect dialect{.network_swapped = version4(), .cgroup_version = 1};
  const auto sample = parseStats(reply("stats_running.json"), run, dialect);
  ASSERT_TRUE(sample) << sample.error().message;
  EXPECT_GT(sample->cpu_time->count(), 50'000'000);
  EXPECT_EQ(sample->memory_limit_bytes, 64U << 20);
  EXPECT_GT(sample->memory_usage_bytes.value_or(0), 0U);
  EXPECT_EQ(sample->pids, 2U);
  EXPECT_GT(sample->network_rx_bytes.value_or(0), sample->network_tx_bytes.value_or(0));
  const auto missing = parseStats(reply("stats_missing.json"), run, dialect);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST_P(PodmanReplies, TellExecSessionsOverOnlyWhenTheyAre) {
  const auto before = parseExecState(reply("exec_inspect_created.json"));
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_FALSE(before->exit_code) << "0 is written before the end too";
  const auto done = parseExecState(reply("exec_inspect_done.json"));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->exit_code, 5);
  EXPECT_EQ(engine::parseExecId(reply("exec_create.json")).value().size(), 64U);
}

TEST_P(PodmanReplies, TellEventsOfContainersOnly) {
  std::istringstream lines(reply("events.ndjson"));
  std::vector<EventType> types;
  for (std::string line; std::getline(lines, line);) {
    const auto event = parseEvent(line);
    ASSERT_TRUE(event) << event.error().message;
    if (!*event) continue;
    EXPECT_FALSE((*event)->container.value.empty());
    EXPECT_GT((*event)->at.time_since_epoch().count(), 0);
    EXPECT_EQ((*event)->exit_code.has_value(), (*event)->type == EventType::kExited);
    EXPECT_FALSE((*event)->labels.contains("image"));
    if ((*event)->name == "web") {
      EXPECT_EQ((*event)->labels.at("managed"), "true");
      types.push_back((*event)->type);
    }
  }
  for (const EventType wanted : {EventType::kCreated, EventType::kStarted, EventType::kSignalled,
                                 EventType::kExited, EventType::kPaused})
    EXPECT_EQ(std::count(types.begin(), types.end(), wanted) > 0, true) << toString(wanted);
}

TEST_P(PodmanReplies, TellFailedPulls) {
  const std::pair<const char*, ErrorCode> cases[] = {
      {"pull_bad_reference.ndjson", ErrorCode::kInvalidArgument},
      {"pull_short_name.ndjson", ErrorCode::kImageNotFound},
      {"pull_unreachable.ndjson", ErrorCode::kUnavailable}};
  for (const auto& [name, code] : cases) {
    std::istringstream lines(reply(name));
    std::string words;
    for (std::string line; std::getline(lines, line);) {
      const auto step = parsePullStep(line);
      ASSERT_TRUE(step) << step.error().message;
      EXPECT_FALSE(step->finished);
      words = step->error;
    }
    EXPECT_EQ(toString(pullError(words).code), toString(code)) << words;
  }
}

TEST_P(PodmanReplies, TellTheServiceAndItsImages) {
  const auto info = parseInfo(reply("info.json"));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_FALSE(info->version.empty());
  EXPECT_EQ(info->os, "linux");
  EXPECT_EQ(info->cgroup_version, 1);
  EXPECT_FALSE(info->rootless);
  EXPECT_GT(info->memory_bytes, 0U);
  const auto image = parseImage(reply("image.json"));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->id.size(), 64U);
  EXPECT_FALSE(image->references.empty());
  EXPECT_TRUE(parseRemoved(reply("remove.json")));
}

struct RecordedError {
  const char* file;
  int status;
  Subject subject;
  ErrorCode code;
};

TEST_P(PodmanReplies, TellErrorsByTheirWords) {
  for (const RecordedError& one : {
           RecordedError{"inspect_missing.json", 404, Subject::kContainer, ErrorCode::kNotFound},
           {"create_duplicate.json", 500, Subject::kCreate, ErrorCode::kAlreadyExists},
           {"create_missing_image.json", 500, Subject::kCreate, ErrorCode::kImageNotFound},
           {"create_missing_image.json", 404, Subject::kCreate, ErrorCode::kImageNotFound},
           {"image_missing.json", 404, Subject::kImage, ErrorCode::kImageNotFound},
           {"kill_stopped.json", 500, Subject::kContainer, ErrorCode::kWrongState},
           {"kill_stopped.json", 409, Subject::kContainer, ErrorCode::kWrongState},
           {"kill_unknown_signal.json", 500, Subject::kContainer, ErrorCode::kInvalidArgument},
           {"start_missing_command.json", 500, Subject::kStart, ErrorCode::kStartFailed},
           {"start_not_executable.json", 500, Subject::kStart, ErrorCode::kStartFailed},
           {"start_port_conflict.json", 500, Subject::kStart, ErrorCode::kPortConflict},
           {"start_missing.json", 404, Subject::kStart, ErrorCode::kNotFound},
           {"remove_running.json", 500, Subject::kContainer, ErrorCode::kWrongState},
           {"exec_stopped.json", 500, Subject::kExec, ErrorCode::kWrongState},
       }) {
    const Error error = errorFromReply(one.status, reply(one.file), one.subject);
    EXPECT_EQ(toString(error.code), toString(one.code)) << one.file << ": " << error.message;
    EXPECT_EQ(error.native, std::to_string(one.status));
  }
}

// ---- what no recording shows ----

TEST(PodmanInspect, TellsStatesAndKeepsUnknownOnes) {
  const auto stateOf = [](const std::string& word) {
    return parseRunState(R"({"Id":"a","Name":"n","State":{"Status":")" + word +
                         R"(","Running":false,"ExitCode":3,"Pid":7}})");
  };
  EXPECT_EQ(stateOf("initialized")->state, ContainerState::kCreated);
  EXPECT_FALSE(stateOf("initialized")->pid) << "it has not begun";
  EXPECT_FALSE(stateOf("initialized")->exit_code);
  EXPECT_TRUE(stateOf("stopping")->running) << "its process is there";
  EXPECT_EQ(stateOf("stopped")->state, ContainerState::kExited);
  EXPECT_EQ(stateOf("stopped")->exit_code, 3);
  EXPECT_EQ(stateOf("levitating")->state, ContainerState::kUnknown);
  const auto info = parseInspect(R"({"Id":"a","Name":"n","State":{"Status":"levitating"}})");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->raw_state, "levitating");
}

TEST(PodmanInspect, FindsTheWordsOfAnEntrypoint) {
  const auto words = [](const std::string& entrypoint, const std::string& path_and_args) {
    const auto info =
        parseInspect(R"({"Id":"a","State":{"Status":"created"},)" + path_and_args +
                     R"(,"Config":{"Entrypoint":)" + entrypoint + R"(,"Cmd":["x","y z"]}})");
    return info->spec.entrypoint;
  };
  const std::vector<std::string> expected = {"/a b", "c"};
  EXPECT_EQ(words(R"("/a b c")", R"("Path":"/a b","Args":["c","x","y z"])"), expected);
  EXPECT_EQ(words(R"(["/a b","c"])", R"("Path":"/a b","Args":["c","x","y z"])"), expected);
  const std::string init = R"("HostConfig":{"Init":true},"Path":"/run/podman-init",)";
  EXPECT_EQ(words(R"("/a b c")", init + R"("Args":["--","/a b","c","x","y z"])"), expected);
  EXPECT_EQ(words(R"("/a b c")", R"("Path":"/other","Args":[])"),
            std::vector<std::string>{"/a b c"});
}

TEST(PodmanInspect, TellsPortsAsAskedForUntilTheyAreBound) {
  const auto portOf = [](const std::string& state) {
    const auto info = parseInspect(
        R"({"Id":"a","State":{"Status":")" + state +
        R"("},"Config":{"Annotations":{"control.any-host-port":"80/tcp"}},)"
        R"("NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"40079"}]}},)"
        R"("HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"40079"}]}}})");
    return info->spec.ports.at(0).host_port;
  };
  EXPECT_EQ(portOf("created"), 0);
  EXPECT_EQ(portOf("running"), 40079);
}

TEST(PodmanInspect, MissesWhatMustBeThere) {
  for (const char* text :
       {"{}", R"({"Id":"a"})", R"({"Id":"a","State":{}})", R"({"State":{"Status":"created"}})",
        "[]", "null", "", R"({"Id":"a","State":{"Status":7}})"}) {
    EXPECT_FALSE(parseInspect(text)) << text;
    EXPECT_FALSE(parseRunState(text)) << text;
  }
}

TEST(PodmanEvents, AnErrorInPlaceOfAnEventIsAnError) {
  const auto event =
      parseEvent(R"({"cause":"bogus is an invalid filter","message":"failed","response":500})");
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, ErrorCode::kInternal);
}

TEST(PodmanRemove, AReportOfAFailureIsOne) {
  EXPECT_TRUE(parseRemoved(R"([{"Id":"a","RawInput":"a"}])"));
  EXPECT_TRUE(parseRemoved("[]"));
  EXPECT_TRUE(parseRemoved(R"([{"Err":null,"Id":"a"}])"));
  EXPECT_FALSE(parseRemoved(R"([{"Err":"volume is in use","Id":"a"}])"));
  EXPECT_FALSE(parseRemoved(R"([{"Err":{},"Id":"a"}])"));
}

TEST(PodmanPull, EndsWithTheImage) {
  EXPECT_TRUE(parsePullStep(R"({"images":["a"],"id":"a"})")->finished);
  const auto blob = parsePullStep(R"({"stream":"Copying blob sha256:abc done\n"})");
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->progress.layer, "sha256:abc");
  EXPECT_FALSE(blob->finished);
  const auto figures = parsePullStep(
      R"({"status":"pulling","pullProgress":{"status":"x","current":5,"total":9,"progressComponentID":"c"}})");
  ASSERT_TRUE(figures);
  EXPECT_EQ(figures->progress.current_bytes, 5);
  EXPECT_EQ(figures->progress.total_bytes, 9);
  EXPECT_EQ(figures->progress.layer, "c");
}

TEST(PodmanErrors, AreToldByTheirWordsWhateverTheStatus) {
  struct Case {
    int status;
    const char* body;
    Subject subject;
    ErrorCode code;
  };
  for (
      const Case& one : {
          Case{404, "Not Found", Subject::kEngine, ErrorCode::kUnsupported},
          {500, R"({"cause":"no space left on device","message":"x"})", Subject::kCreate,
           ErrorCode::kResourceExhausted},
          {500, R"({"cause":"this container is not logging output","message":"x"})",
           Subject::kContainer, ErrorCode::kUnsupported},
          {500, R"({"cause":"container state improper","message":"x"})", Subject::kStart,
           ErrorCode::kWrongState},
          {500,
           R"({"cause":"no such file or directory","message":"statfs /x: no such file or directory"})",
           Subject::kCreate, ErrorCode::kInvalidArgument},
          {400, R"({"cause":"x","message":"y"})", Subject::kCreate, ErrorCode::kInvalidArgument},
          {500, "`runc update --resources=x` failed", Subject::kUpdate,
           ErrorCode::kInvalidArgument},
          {500, "", Subject::kContainer, ErrorCode::kInternal},
          {503, "", Subject::kEngine, ErrorCode::kUnavailable},
      }) {
    const Error error = errorFromReply(one.status, one.body, one.subject);
    EXPECT_EQ(toString(error.code), toString(one.code)) << one.body;
    EXPECT_EQ(error.effect, Effect::kNone);
  }
}

}  // namespace
}  // namespace control::podman

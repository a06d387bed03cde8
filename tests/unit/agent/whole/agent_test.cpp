#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libcontrol/testing/mock_control.h>

#include "unit/agent/whole/open_agent.h"

namespace agent {
namespace {

using testing::HasSubstr;

TEST_F(OpenAgent, PlaysTheScenariosOfTheDocument) {
  run("server_456");
  const std::string id =
      send("stop_server", R"("serverId":"server_456","payload":{"signal":"SIGKILL","timeout":30})");
  const Json response = panel_.response(id);
  EXPECT_EQ(at(response, "message"), "stop_server command received");
  EXPECT_EQ(at(response, "data"), R"({"serverId":"server_456","status":"stopping"})");
  const Json stopped = panel_.change("server_456", "stopped");
  EXPECT_EQ(at(stopped, "data.commandId"), id);
  EXPECT_EQ(at(stopped, "data.previousStatus"), "stopping");
  EXPECT_EQ(at(panel_.completed(id), "data.success"), "true");

  const Json started = ask("start_server", R"("serverId":"server_456")");
  EXPECT_EQ(at(started, "data"), R"({"serverId":"server_456","status":"starting"})");

  const Json unknown = ask("invalid_action", R"("serverId":"server_456")");
  EXPECT_EQ(at(unknown, "error"),
            R"({"code":"UNKNOWN_ACTION","message":"Unknown action: invalid_action"})");
  EXPECT_EQ(at(unknown, "data"), "-");
}

TEST_F(OpenAgent, SendsTheResponseBeforeTheEventsOfTheCommand) {
  for (int i = 0; i < 20; ++i) {
    const std::string id = send("create_server", R"("serverId":"s)" + std::to_string(i) +
                                                     R"(","payload":{"image":"game:1"})");
    panel_.completed(id);
    const Json first = panel_.waitFor(
        [&](const Json& m) { return at(m, "id") == id || at(m, "data.commandId") == id; });
    EXPECT_EQ(at(first, "type"), "response");
  }
}

TEST_F(OpenAgent, NumbersEventsWithoutAGap) {
  run("a");
  finish("delete_server", R"("serverId":"a")");
  std::int64_t last = 0;
  for (const Json& message : panel_.all())
    if (at(message, "type") == "event") {
      EXPECT_EQ(*message.find("seq")->integer(), ++last);
    }
  EXPECT_GT(last, 4);
}

TEST_F(OpenAgent, AnswersStatusAndTellsItInTheEventThatFollows) {
  run("a", R"(,"limits":{"memory":"64m"})");
  const std::size_t from = panel_.count();
  const Json response = ask("get_status", R"("serverId":"a")");
  EXPECT_EQ(at(response, "message"), "get_status command received");
  EXPECT_EQ(at(response, "data.status"), "running");
  EXPECT_EQ(at(response, "data.image"), "game:1");
  EXPECT_EQ(at(response, "data.exitCode"), "null");
  EXPECT_EQ(at(response, "data.oomKilled"), "false");
  EXPECT_EQ(at(response, "data.resources.memory.limitBytes"), std::to_string(64 << 20));
  EXPECT_EQ(at(response, "data.resources.memory.available"), "64m");
  const Json event =
      panel_.waitFor([](const Json& m) { return at(m, "event") == "server_status"; }, from);
  // Told a moment later, of what may be measured anew by then.
  for (const char* same : {"serverId", "status", "reason", "containerId", "image", "startedAt",
                           "restarts", "resources.memory.limitBytes", "exitCode", "oomKilled"})
    EXPECT_EQ(at(event, std::string("data.") + same), at(response, std::string("data.") + same));
}

TEST_F(OpenAgent, GivesNoResourcesOfAServerThatDoesNotRun) {
  finish("create_server", R"("serverId":"a","payload":{"image":"game:1"})");
  const Json response = ask("get_status", R"("serverId":"a")");
  EXPECT_EQ(at(response, "data.status"), "created");
  EXPECT_EQ(at(response, "data.resources"), "-");
  EXPECT_EQ(at(response, "data.uptime"), "-");
}

TEST_F(OpenAgent, ListsItsServers) {
  run("a");
  finish("create_server", R"("serverId":"b","payload":{"image":"game:1"})");
  const Json response = ask("list_servers");
  ASSERT_NE(response.find("data"), nullptr);
  const Json::Array& servers = *response.find("data")->find("servers")->elements();
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_EQ(at(servers[0], "serverId") + at(servers[0], "status"), "arunning");
  EXPECT_EQ(at(servers[1], "serverId") + at(servers[1], "status"), "bcreated");
}

TEST_F(AgentTest, DoesNotSayThatThereAreNoServersBeforeItKnows) {
  runtime_->extension<control::testing::MockControl>()->engineDown(true);
  open();
  EXPECT_EQ(at(ask("list_servers"), "error.code"), "RUNTIME_UNAVAILABLE");
}

TEST_F(OpenAgent, LeavesAServerThatExistsAlone) {
  run("a");
  const std::string before = at(ask("get_status", R"("serverId":"a")"), "data.containerId");
  EXPECT_EQ(
      at(ask("create_server", R"("serverId":"a","payload":{"image":"game:2"})"), "error.code"),
      "SERVER_EXISTS");
  EXPECT_EQ(at(ask("get_status", R"("serverId":"a")"), "data.containerId"), before);
}

TEST_F(OpenAgent, TellsAFailedCreateWithItsCode) {
  const std::string id = send("create_server", R"("serverId":"a","payload":{"image":"missing:1"})");
  const Json failed = panel_.change("a", "create_failed");
  EXPECT_EQ(at(failed, "data.code"), "IMAGE_NOT_FOUND");
  EXPECT_EQ(at(failed, "data.currentStatus"), "failed");
  EXPECT_EQ(at(failed, "data.commandId"), id);
  EXPECT_THAT(at(failed, "data.error"), HasSubstr("missing:1"));
  EXPECT_EQ(at(panel_.completed(id), "data.error.code"), "IMAGE_NOT_FOUND");
}

TEST_F(OpenAgent, LetsAServerThatCouldNotBeCreatedBeCreatedAgain) {
  const std::string id = send("create_server", R"("serverId":"a","payload":{"image":"missing:1"})");
  panel_.completed(id);
  EXPECT_EQ(at(ask("start_server", R"("serverId":"a")"), "error.code"), "CONTAINER_NOT_FOUND");
  EXPECT_EQ(at(ask("get_status", R"("serverId":"a")"), "data.status"), "failed");
  run("a");
}

TEST_F(OpenAgent, TellsPullsWithTheirEnd) {
  const Json end = finish("pull_image", R"("payload":{"image":"pullable:1"})");
  EXPECT_EQ(at(end, "data.success"), "true");
  EXPECT_EQ(at(end, "data.serverId"), "-");
  const Json progress =
      panel_.waitFor([](const Json& m) { return at(m, "event") == "image_pull_progress"; });
  EXPECT_EQ(at(progress, "data.image"), "pullable:1");
  const Json failed = finish("pull_image", R"("payload":{"image":"private:1"})");
  EXPECT_EQ(at(failed, "data.error.code"), "IMAGE_PULL_FAILED");
}

/// The mock's pulls are over long before a second report is due.
TEST_F(OpenAgent, TellsHowEachLayerOfAPullEndedBeforeWhatFollowsIt) {
  const auto layersBefore = [&](const RecordingPanel::Predicate& follows) {
    panel_.waitFor(follows);
    std::string layers;
    for (const Json& message : panel_.all()) {
      if (follows(message)) return layers;
      if (at(message, "event") == "image_pull_progress")
        layers = at(message, "data.percentage") + " %: " + at(message, "data.layers");
    }
    return std::string("nothing follows");
  };
  const std::string complete =
      R"(100 %: [{"id":"layer1","status":"Pull complete","current":8388608,"total":8388608},)"
      R"({"id":"layer2","status":"Pull complete","current":8388608,"total":8388608}])";
  const std::string pull = send("pull_image", R"("payload":{"image":"pullable:1"})");
  EXPECT_EQ(layersBefore([&](const Json& m) {
              return at(m, "data.commandId") == pull && at(m, "event") == "command_completed";
            }),
            complete);
  send("create_server", R"("serverId":"a","payload":{"image":"pullable:2"})");
  EXPECT_EQ(layersBefore([&](const Json& m) {
              return at(m, "data.currentStatus") == "creating" &&
                     at(m, "data.previousStatus") == "pulling";
            }),
            complete);
}

TEST_F(OpenAgent, ReportsACrashThatNobodyAskedFor) {
  run("a");
  const Json running = panel_.change("a", "running");
  auto* const mock = runtime_->extension<control::testing::MockControl>();
  ASSERT_TRUE(mock->crash({at(running, "data.containerId")}, 7));
  const Json crashed = panel_.change("a", "crashed");
  EXPECT_EQ(at(crashed, "data.reason"), "crashed");
  EXPECT_EQ(at(crashed, "data.exitCode"), "7");
  EXPECT_EQ(at(crashed, "data.commandId"), "-");
}

TEST_F(OpenAgent, MakesAndKeepsTheFilesOfAServer) {
  run("a");
  std::ofstream(config_.data_dir + "/a/world") << "precious";
  finish("delete_server", R"("serverId":"a")");
  EXPECT_EQ(at(ask("get_status", R"("serverId":"a")"), "error.code"), "SERVER_NOT_FOUND");
  EXPECT_TRUE(std::filesystem::exists(config_.data_dir + "/a/world"));
}

TEST_F(OpenAgent, RemovesTheFilesBeforeItSaysSoWhenAskedTo) {
  run("a");
  std::ofstream(config_.data_dir + "/a/world") << "worthless";
  const Json end = finish("delete_server", R"("serverId":"a","payload":{"removeData":true})");
  EXPECT_EQ(at(end, "data.success"), "true");
  EXPECT_FALSE(std::filesystem::exists(config_.data_dir + "/a"));
  run("a");
}

TEST_F(OpenAgent, GreetsWithSystemInfoAndEveryServer) {
  run("a");
  const std::vector<std::string> greeting = agent_->greeting();
  ASSERT_EQ(greeting.size(), 3U);
  const Json info = *readJsonObject(greeting[0]).value;
  EXPECT_EQ(at(info, "type"), "system_info");
  EXPECT_EQ(at(info, "data.nodeId"), "node-1");
  EXPECT_EQ(at(info, "data.runtime.name"), "mock");
  EXPECT_EQ(at(info, "data.dockerVersion"), "-");
  const Json status = *readJsonObject(greeting[1]).value;
  EXPECT_EQ(at(status, "event") + at(status, "data.serverId"), "server_statusa");
  EXPECT_EQ(at(*readJsonObject(greeting[2]).value, "type"), "server_status");
}

TEST_F(OpenAgent, AdoptsWhatRunsWhenItStartsAgain) {
  run("a", R"(,"stop":{"timeout":0.25})");
  agent_->close();
  open();
  const Json status = ask("get_status", R"("serverId":"a")");
  EXPECT_EQ(at(status, "data.status"), "running");
  EXPECT_EQ(agent_->status().servers_running, 1U);
}

TEST_F(OpenAgent, AnswersQuicklyWhileStopsArePending) {
  for (int i = 0; i < 10; ++i)
    run("s" + std::to_string(i), R"(,"labels":{"mock.ignore_signals":"TERM"})");
  run("quick");
  std::vector<std::string> stops;
  for (int i = 0; i < 10; ++i)
    stops.push_back(send(
        "stop_server", R"("serverId":"s)" + std::to_string(i) + R"(","payload":{"timeout":600})"));
  EXPECT_EQ(at(ask("get_status", R"("serverId":"quick")"), "data.status"), "running");
  for (int i = 0; i < 10; ++i) finish("kill_server", R"("serverId":"s)" + std::to_string(i) + '"');
  for (const std::string& stop : stops)
    EXPECT_EQ(at(panel_.completed(stop), "data.success"), "true");
}

TEST_F(AgentTest, ReportsResourcesAtEveryInterval) {
  config_.stats_interval = std::chrono::milliseconds(50);
  open();
  run("a");
  const auto isUpdate = [](const Json& m) {
    return at(m, "event") == "resource_update" && at(m, "data.resources.memory.usedBytes") != "-";
  };
  EXPECT_EQ(at(panel_.waitFor(isUpdate), "data.serverId"), "a");
}

/// Counters go on from what they are set to.
TEST_F(AgentTest, TellsTheFiguresOfTheEngineEachUnderItsName) {
  constexpr std::uint64_t kReceived = 7'000'000'000;
  constexpr std::uint64_t kSent = 3'000'000'000;
  config_.stats_interval = std::chrono::milliseconds(50);
  open();
  run("a");
  const control::ContainerId id{at(ask("get_status", R"("serverId":"a")"), "data.containerId")};
  ASSERT_TRUE(runtime_->extension<control::testing::MockControl>()->setStats(
      id, {.memory_bytes = 77 << 20,
           .pids = 9,
           .network_rx_bytes = kReceived,
           .network_tx_bytes = kSent}));
  const auto isNew = [](const Json& m) {
    return at(m, "event") == "resource_update" && at(m, "data.resources.pids") == "9";
  };
  const auto counts = [](const Json& message, const std::string& figure, std::uint64_t from) {
    const std::string text = at(message, figure);
    EXPECT_TRUE(text != "-" && std::stoull(text) >= from && std::stoull(text) < from + 1'000'000)
        << figure << " is " << text;
  };
  const Json update = panel_.waitFor(isNew);
  for (const Json& message : {update, ask("get_status", R"("serverId":"a")")}) {
    counts(message, "data.resources.network.rx", kReceived);
    counts(message, "data.resources.network.tx", kSent);
    EXPECT_EQ(at(message, "data.resources.blockIo.read"), std::to_string(1 << 20));
    counts(message, "data.resources.blockIo.write", 0);
    EXPECT_EQ(at(message, "data.resources.pids"), "9");
    EXPECT_EQ(at(message, "data.resources.memory.usedBytes"), std::to_string(77 << 20));
  }
  const Json legacy = *readJsonObject(agent_->greeting().back()).value;
  EXPECT_EQ(at(legacy, "type"), "server_status");
  EXPECT_EQ(at(legacy, "data.stats.memory"), std::to_string(77 << 20));
  counts(legacy, "data.stats.network.in", kReceived);
  counts(legacy, "data.stats.network.out", kSent);
}

TEST_F(OpenAgent, TellsThatTheEngineIsGone) {
  run("a");
  runtime_->extension<control::testing::MockControl>()->engineDown(true);
  EXPECT_EQ(at(panel_.change("a", "unknown"), "data.reason"), "engine_lost");
  EXPECT_FALSE(agent_->status().runtime_reachable);
  EXPECT_FALSE(agent_->status().runtime_problem.empty());
  runtime_->extension<control::testing::MockControl>()->engineDown(false);
  EXPECT_EQ(at(panel_.change("a", "running", panel_.count()), "data.currentStatus"), "running");
}

TEST_F(OpenAgent, EndsEveryAcceptedCommandWhenItIsClosed) {
  run("a", R"(,"labels":{"mock.ignore_signals":"TERM"})");
  const std::string stop = send("stop_server", R"("serverId":"a","payload":{"timeout":600})");
  panel_.change("a", "stopping");
  agent_->close();
  EXPECT_EQ(at(panel_.completed(stop), "data.error.code"), "OUTCOME_UNKNOWN");
}

}  // namespace
}  // namespace agent

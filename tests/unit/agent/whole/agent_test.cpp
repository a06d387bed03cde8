#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libcontrol/testing/mock_control.h>

#include "agent/actions/action.h"
#include "unit/agent/whole/agent_on_mock.h"

namespace agent {
namespace {

using testing::HasSubstr;
using testing::Not;

class AgentTest : public AgentOnMock {
 protected:
  /// Creates and starts a server that ends at once when it is stopped: as process 1 its program has
  /// no handler for SIGTERM.
  void run(const std::string& server, const std::string& more = R"(,"stop":{"timeout":0})") {
    const std::string payload = R"("serverId":")" + server + R"(","payload":{"image":"game:1",)" +
                                R"("startup":"sleep 1000","start":true)" + more + "}";
    ASSERT_EQ(at(finish("create_server", payload), "data.success"), "true");
  }
};

class OpenAgent : public AgentTest {
 protected:
  OpenAgent() { open(); }
};

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

TEST_F(OpenAgent, MirrorsEveryChangeInTheLegacyFormat) {
  run("a");
  const Json legacy = panel_.waitFor([](const Json& m) {
    return at(m, "type") == "server_status" && at(m, "data.status") == "running";
  });
  EXPECT_EQ(at(legacy, "data.serverId"), "a");
}

TEST_F(AgentTest, SendsNoLegacyEventsWhenToldSo) {
  config_.panel_legacy_events = false;
  open();
  run("a");
  for (const Json& message : panel_.all()) EXPECT_NE(at(message, "type"), "server_status");
  EXPECT_EQ(agent_->greeting().size(), 2U);
}

TEST_F(OpenAgent, AnswersStatusWithTheDataOfTheEventThatFollows) {
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
  EXPECT_EQ(at(event, "data"), at(response, "data"));
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

TEST_F(OpenAgent, NamesTheServerItDoesNotKnow) {
  for (const char* action :
       {"start_server", "stop_server", "restart_server", "kill_server", "delete_server",
        "update_server", "get_status", "get_server_status", "get_server_metrics"}) {
    const Json response = ask(action, R"("serverId":"nobody")");
    EXPECT_EQ(at(response, "error.code"), "SERVER_NOT_FOUND") << action;
    EXPECT_THAT(at(response, "error.message"), HasSubstr("nobody")) << action;
  }
}

TEST_F(OpenAgent, RefusesHostileServerIdsForEveryAction) {
  for (const Action& action : actions()) {
    if (!action.needs_server) continue;
    for (const char* id : {"../x", "", "a/b", "a\\u0000b", "."})
      EXPECT_EQ(at(ask(std::string(action.name), R"("serverId":")" + std::string(id) + '"'),
                   "error.code"),
                "INVALID_PAYLOAD")
          << action.name << ' ' << id;
  }
}

TEST_F(OpenAgent, RefusesAHostileServerIdWhereNoneIsNeeded) {
  const std::string hostile = R"("serverId":"../x","payload":{"image":"pullable:1"})";
  for (const char* action : {"pull_image", "list_servers", "get_system_info"})
    EXPECT_EQ(at(ask(action, hostile), "error.code"), "INVALID_PAYLOAD") << action;
}

TEST_F(OpenAgent, RepeatsNoMoreOfAMessageThanItMust) {
  const Json response = ask(std::string(100'000, 'x'));
  EXPECT_EQ(at(response, "error.code"), "UNKNOWN_ACTION");
  EXPECT_LT(response.write().size(), 2000U);
}

TEST_F(OpenAgent, LeavesAServerThatExistsAlone) {
  run("a");
  const std::string before = at(ask("get_status", R"("serverId":"a")"), "data.containerId");
  EXPECT_EQ(
      at(ask("create_server", R"("serverId":"a","payload":{"image":"game:2"})"), "error.code"),
      "SERVER_EXISTS");
  EXPECT_EQ(at(ask("get_status", R"("serverId":"a")"), "data.containerId"), before);
}

TEST_F(OpenAgent, SendsNothingToAServerWhenAStopIsRefused) {
  run("a");
  auto* const mock = runtime_->extension<control::testing::MockControl>();
  EXPECT_EQ(
      at(ask("stop_server", R"("serverId":"a","payload":{"signal":"SIGNOPE"})"), "error.code"),
      "INVALID_PAYLOAD");
  EXPECT_EQ(at(ask("stop_server", R"("serverId":"a","payload":{"timeout":-1})"), "error.code"),
            "INVALID_PAYLOAD");
  for (const control::testing::JournalEntry& call : mock->journal())
    EXPECT_NE(call.primitive, control::testing::Primitive::kSignal);
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

TEST_F(OpenAgent, AnswersARepeatedIdAgainAndExecutesItOnce) {
  run("a");
  const std::string kill = R"({"id":"k","type":"command","action":"kill_server","serverId":"a"})";
  agent_->onMessage(kill);
  panel_.completed("k");
  const std::size_t from = panel_.count();
  agent_->onMessage(kill);
  EXPECT_EQ(panel_.response("k", from).write(), panel_.response("k").write());
  agent_->onMessage(R"({"id":"k","type":"command","action":"start_server","serverId":"a"})");
  const Json conflict =
      panel_.waitFor([](const Json& m) { return at(m, "error.code") == "ID_CONFLICT"; });
  EXPECT_EQ(at(conflict, "id"), "k");
  EXPECT_EQ(at(ask("get_status", R"("serverId":"a")"), "data.status"), "stopped");
}

TEST_F(OpenAgent, AnswersEveryRepeatOfWhatIsStillExecuted) {
  run("a");
  const std::string ask_twice =
      R"({"id":"q","type":"command","action":"get_status","serverId":"a"})";
  for (int i = 0; i < 5; ++i) agent_->onMessage(ask_twice);
  std::size_t responses = 0;
  panel_.waitFor([&](const Json& m) {
    return at(m, "id") == "q" && at(m, "success") == "true" && ++responses == 5;
  });
  EXPECT_EQ(responses, 5U);
}

TEST_F(AgentTest, LimitsTheRateOfCommands) {
  config_.rate_limit = 1;
  open();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(at(ask("list_servers"), "success"), "true");
  EXPECT_EQ(at(ask("list_servers"), "error.code"), "RATE_LIMITED");
}

TEST_F(OpenAgent, AnswersWhatIsNoCommandWithAnError) {
  const auto error = [&](const std::string& text) {
    const std::size_t from = panel_.count();
    agent_->onMessage(text);
    const Json answer = panel_.waitFor(
        [](const Json& m) { return at(m, "type") == "error" || at(m, "success") == "false"; },
        from);
    return at(answer, "type") + ' ' + at(answer, "id") + ' ' +
           (at(answer, "type") == "error" ? at(answer, "data.code") : at(answer, "error.code"));
  };
  EXPECT_EQ(error("hello"), "error null PARSE_ERROR");
  EXPECT_EQ(error("[]"), "error null PARSE_ERROR");
  EXPECT_EQ(error(R"({"id":"x","a":1,"a":2})"), "response x PARSE_ERROR");
  EXPECT_EQ(error("{}"), "error null INVALID_COMMAND");
  EXPECT_EQ(error(R"({"id":"x","action":"list_servers"})"), "response x INVALID_COMMAND");
  EXPECT_EQ(error(R"({"id":7,"type":"command","action":"list_servers"})"),
            "error null INVALID_COMMAND");
  EXPECT_EQ(error(R"({"id":"x","type":"command","action":5})"), "response x INVALID_COMMAND");
  EXPECT_EQ(error(R"({"id":"x","type":"command","action":"a","agentId":"node-2"})"),
            "response x WRONG_AGENT");
  EXPECT_EQ(error(R"({"type":"bogus"})"), "error null INVALID_COMMAND");
}

TEST_F(OpenAgent, AnswersFramesThatAreNoText) {
  agent_->onFrameProblem(FrameProblem::kTooLarge);
  agent_->onFrameProblem(FrameProblem::kBinary);
  const std::vector<Json> messages = panel_.all();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(at(messages[0], "data.code"), "MESSAGE_TOO_LARGE");
  EXPECT_EQ(at(messages[1], "data.code"), "PARSE_ERROR");
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

TEST_F(OpenAgent, RefusesADirectoryThatIsALink) {
  std::filesystem::create_directories(config_.data_dir);
  std::filesystem::create_directory(directory_.path("elsewhere"));
  std::filesystem::create_directory_symlink(directory_.path("elsewhere"), config_.data_dir + "/a");
  const Json response = ask("create_server", R"("serverId":"a","payload":{"image":"game:1"})");
  EXPECT_EQ(at(response, "error.code"), "PERMISSION_DENIED");
  EXPECT_THAT(at(response, "error.message"), Not(HasSubstr(directory_.path())));
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

TEST_F(OpenAgent, AnswersPingWithHowTheNodeIs) {
  agent_->onMessage(R"({"type":"ping","id":"p1"})");
  const Json pong = panel_.all().at(0);
  EXPECT_EQ(at(pong, "type") + at(pong, "id"), "pongp1");
  EXPECT_EQ(at(pong, "data.activeServers"), "0");
  for (const char* figure : {"cpu", "memory", "disk"})
    EXPECT_NE(at(pong, "data.systemLoad." + std::string(figure)), "-") << figure;
}

TEST_F(OpenAgent, WritesAHeartbeat) {
  const Json heartbeat = *readJsonObject(agent_->heartbeat()).value;
  EXPECT_EQ(at(heartbeat, "type"), "heartbeat");
  EXPECT_EQ(at(heartbeat, "data.nodeId"), "node-1");
  EXPECT_EQ(at(heartbeat, "data.status"), "online");
}

TEST_F(OpenAgent, DoesWhatLegacyMessagesAsk) {
  const auto legacy = [&](const std::string& type, const std::string& data) {
    agent_->onMessage(R"({"type":")" + type + R"(","messageId":"m-)" + type + R"(","data":)" +
                      data + "}");
    return panel_.waitFor([&](const Json& m) { return at(m, "messageId") == "m-" + type; });
  };
  const Json created =
      legacy("server_create", R"({"serverId":"a","image":"game:1","startup":"sleep 1000"})");
  EXPECT_EQ(at(created, "type") + at(created, "data.status"), "server_statuscreating");
  EXPECT_EQ(at(legacy("server_start", R"({"serverId":"a"})"), "data.status"), "starting");
  panel_.change("a", "running");
  EXPECT_EQ(at(legacy("system_info_request", "{}"), "type"), "system_info");
  EXPECT_EQ(at(legacy("server_power", R"({"serverId":"a","action":"kill"})"), "data.status"),
            "stopping");
  EXPECT_EQ(at(panel_.change("a", "stopped"), "data.reason"), "killed");
  const Json wrong = legacy("server_restart", R"({"serverId":"nobody"})");
  EXPECT_EQ(at(wrong, "type") + at(wrong, "data.code"), "errorSERVER_NOT_FOUND");
  EXPECT_EQ(at(legacy("server_command", R"({"serverId":"a","command":"x"})"), "data.code"),
            "INVALID_STATE");
  EXPECT_EQ(at(legacy("server_delete", R"({"serverId":"a"})"), "data.status"), "deleting");
  EXPECT_EQ(at(panel_.change("a", "deleted"), "data.reason"), "removed");
}

TEST_F(OpenAgent, TellsWhoKnowsTheLegacyFormatAloneWhenNothingChanged) {
  run("a");
  const auto isRunning = [](const Json& m) {
    return at(m, "type") == "server_status" && at(m, "data.status") == "running";
  };
  std::size_t from = panel_.count();
  agent_->onMessage(R"({"type":"server_start","messageId":"m1","data":{"serverId":"a"}})");
  EXPECT_EQ(at(panel_.waitFor(isRunning, from), "data.serverId"), "a");
  from = panel_.count();
  agent_->onMessage(
      R"({"type":"server_update","data":{"serverId":"a","limits":{"memory":"64m"}}})");
  EXPECT_EQ(at(panel_.waitFor(isRunning, from), "data.serverId"), "a");
}

TEST_F(OpenAgent, LeavesAServerAloneWhenALegacyMessageIsRefused) {
  run("a");
  const auto refused = [&](const std::string& type, const std::string& field) {
    const std::size_t from = panel_.count();
    agent_->onMessage(R"({"type":")" + type + R"(","data":{"serverId":"a",)" + field + "}}");
    const Json error = panel_.waitFor([](const Json& m) { return at(m, "type") == "error"; }, from);
    return at(error, "data.code");
  };
  EXPECT_EQ(refused("server_reinstall", R"("limits":{"memory":"lots"})"), "INVALID_PAYLOAD");
  EXPECT_EQ(refused("server_suspend", R"("timeout":-1)"), "INVALID_PAYLOAD");
  EXPECT_EQ(at(ask("get_status", R"("serverId":"a")"), "data.status"), "running");
  EXPECT_EQ(at(finish("restart_server", R"("serverId":"a")"), "data.success"), "true");
}

TEST_F(OpenAgent, RefusesToStartASuspendedServerEvenAfterARestart) {
  run("a");
  agent_->onMessage(R"({"type":"server_suspend","messageId":"m1","data":{"serverId":"a"}})");
  EXPECT_EQ(at(panel_.change("a", "stopped"), "data.currentStatus"), "stopped");
  agent_->close();
  open();
  const Json refused = ask("start_server", R"("serverId":"a")");
  EXPECT_EQ(at(refused, "error.code"), "INVALID_STATE");
  EXPECT_THAT(at(refused, "error.message"), HasSubstr("suspended"));
  agent_->onMessage(R"({"type":"server_unsuspend","messageId":"m2","data":{"serverId":"a"}})");
  EXPECT_EQ(at(finish("start_server", R"("serverId":"a")"), "data.success"), "true");
}

TEST_F(OpenAgent, MakesTheContainerAnewOnReinstallAndKeepsTheFiles) {
  run("a");
  const std::string before = at(ask("get_status", R"("serverId":"a")"), "data.containerId");
  std::ofstream(config_.data_dir + "/a/world") << "precious";
  agent_->onMessage(R"({"type":"server_reinstall","messageId":"m1","data":{"serverId":"a"}})");
  EXPECT_EQ(at(panel_.change("a", "stopped"), "data.currentStatus"), "stopped");
  EXPECT_EQ(at(finish("start_server", R"("serverId":"a")"), "data.success"), "true");
  EXPECT_NE(at(ask("get_status", R"("serverId":"a")"), "data.containerId"), before);
  EXPECT_TRUE(std::filesystem::exists(config_.data_dir + "/a/world"));
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

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/whole/open_agent.h"

namespace agent {
namespace {

using testing::HasSubstr;

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

TEST_F(OpenAgent, StopsASuspendedServerThatRunsAllTheSame) {
  run("a");
  agent_->onMessage(R"({"type":"server_suspend","messageId":"m1","data":{"serverId":"a"}})");
  EXPECT_EQ(at(panel_.change("a", "stopped"), "data.currentStatus"), "stopped");
  const control::ContainerId id{at(ask("get_status", R"("serverId":"a")"), "data.containerId")};
  // Somebody else starts it: while the agent is there, and while it is not.
  ASSERT_TRUE(runtime_->start(id, soon()));
  EXPECT_TRUE(runtime_->wait(id, soon()));
  agent_->close();
  ASSERT_TRUE(runtime_->start(id, soon()));
  open();
  EXPECT_TRUE(runtime_->wait(id, soon()));
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

}  // namespace
}  // namespace agent

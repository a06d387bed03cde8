// The operator's policy against everything a panel can send.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/whole/agent_on_mock.h"

namespace agent {
namespace {

using testing::HasSubstr;

class PolicedAgent : public AgentOnMock {
 protected:
  PolicedAgent() {
    auto policy = parsePolicy(R"({"images":["ghcr.io/example/*"],"ports":["25565-25570"],
        "maxMemory":"1g","maxCpu":100,"maxPids":64,"maxServers":2,"stopSignals":["TERM"]})");
    config_.policy = *policy;
    open();
  }

  /// Its response, once it has ended.
  Json ask(const std::string& action, const std::string& server, const std::string& payload) {
    const Json answer =
        AgentOnMock::ask(action, R"("serverId":")" + server + R"(","payload":)" + payload);
    if (at(answer, "success") == "true" && at(answer, "data.status") != "-")
      panel_.completed(at(answer, "id"));
    return answer;
  }
  void expectRefused(const Json& answer, const std::string& word) {
    EXPECT_EQ(at(answer, "error.code"), "POLICY_VIOLATION") << answer.write();
    EXPECT_THAT(at(answer, "error.message"), HasSubstr(word));
  }
  control::ContainerInfo container(const std::string& server) {
    return *runtime_->inspect({"ctrl-alt-play-" + server}, soon());
  }
};

TEST_F(PolicedAgent, RefusesWhatTheHostDoesNotAllowAndMakesNothing) {
  expectRefused(ask("create_server", "a", R"({"image":"evil.io/x"})"), "evil.io/x");
  const std::string good = R"({"image":"ghcr.io/example/game:1",)";
  expectRefused(ask("create_server", "a", good + R"("limits":{"memory":"2g"}})"), "memory");
  expectRefused(ask("create_server", "a", good + R"("limits":{"cpu":101}})"), "cpu");
  expectRefused(ask("create_server", "a", good + R"("limits":{"pids":65}})"), "pids");
  expectRefused(ask("create_server", "a", good + R"("ports":{"1":22}})"), "22");
  expectRefused(ask("create_server", "a", good + R"("stop":{"signal":"HUP"}})"), "SIGHUP");
  expectRefused(
      ask("create_server", "a", good + R"("stop":{"steps":[{"signal":"HUP","timeout":1}]}})"),
      "SIGHUP");
  expectRefused(ask("create_server", "a",
                    R"({"eggConfig":{"image":"ghcr.io/example/game:1","ports":{"1":22}}})"),
                "22");
  expectRefused(ask("pull_image", "", R"({"image":"evil.io/x"})"), "evil.io/x");
  EXPECT_TRUE(runtime_->list({}, soon())->empty());
}

TEST_F(PolicedAgent, HoldsAServerToTheCeilingsItDidNotAskFor) {
  EXPECT_EQ(at(ask("create_server", "a", R"({"image":"ghcr.io/example/game:1"})"), "success"),
            "true");
  const control::ResourceLimits limits = container("a").spec.limits;
  EXPECT_EQ(limits.memory_bytes, 1 << 30);
  EXPECT_EQ(limits.nano_cpus, 1'000'000'000);
  EXPECT_EQ(limits.pids, 64);
}

TEST_F(PolicedAgent, AnUpdateWidensNothing) {
  ask("create_server", "a", R"({"image":"ghcr.io/example/game:1","limits":{"memory":"512m"}})");
  expectRefused(ask("update_server", "a", R"({"limits":{"memory":"2g"}})"), "memory");
  expectRefused(ask("update_server", "a", R"({"limits":{"pids":1000}})"), "pids");
  EXPECT_EQ(at(ask("update_server", "a", R"({"limits":{"memory":0}})"), "success"), "true");
  EXPECT_EQ(container("a").spec.limits.memory_bytes, 1 << 30);
  expectRefused(ask("stop_server", "a", R"({"signal":"HUP"})"), "SIGHUP");
  expectRefused(ask("restart_server", "a", R"({"signal":"HUP"})"), "SIGHUP");
}

TEST_F(PolicedAgent, AReinstallThatAsksForMoreLeavesTheServerRunning) {
  ask("create_server", "a",
      R"({"image":"ghcr.io/example/game:1","startup":"sleep 1000","start":true})");
  const auto legacy = [&](const std::string& type, const std::string& data) {
    const std::string id = "m" + std::to_string(++last_id_);
    agent_->onMessage(R"({"type":")" + type + R"(","messageId":")" + id +
                      R"(","data":{"serverId":"a",)" + data + "}}");
    return at(panel_.waitFor([&](const Json& m) { return at(m, "messageId") == id; }), "data.code");
  };
  const std::string before = container("a").id.value;
  for (const char* type : {"server_update", "server_reinstall"})
    for (const char* more : {R"("limits":{"memory":"2g"})", R"("limits":{"memory":"1g","swap":-1})",
                             R"("limits":{"cpu":101})", R"("limits":{"pids":65})",
                             R"("mounts":["/:/host"])", R"("environment":{},"privileged":true)"})
      EXPECT_EQ(legacy(type, more), "POLICY_VIOLATION") << type << ' ' << more;
  EXPECT_EQ(legacy("server_reinstall", R"("signal":"HUP")"), "POLICY_VIOLATION");
  EXPECT_EQ(container("a").id.value, before);
  EXPECT_EQ(at(AgentOnMock::ask("get_status", R"("serverId":"a")"), "data.status"), "running");
  EXPECT_EQ(at(ask("restart_server", "a", R"({"timeout":0})"), "success"), "true");
}

TEST_F(PolicedAgent, CountsServers) {
  const std::string payload = R"({"image":"ghcr.io/example/game:1"})";
  EXPECT_EQ(at(ask("create_server", "a", payload), "success"), "true");
  EXPECT_EQ(at(ask("create_server", "b", payload), "success"), "true");
  expectRefused(ask("create_server", "c", payload), "at most 2 servers");
  EXPECT_EQ(at(ask("create_server", "a", payload), "error.code"), "SERVER_EXISTS");
  EXPECT_EQ(at(ask("delete_server", "a", "{}"), "success"), "true");
  EXPECT_EQ(at(ask("create_server", "c", payload), "success"), "true");
}

}  // namespace
}  // namespace agent

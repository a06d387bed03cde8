#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libcontrol/testing/mock_control.h>

#include <random>

#include "agent/probes/prober.h"
#include "unit/agent/probes/game_peer.h"
#include "unit/agent/whole/agent_on_mock.h"

namespace agent {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kTwoPlay =
    R"({"players":{"max":20,"online":2,"sample":[{"name":"Ann"},{"name":"Bob"}]}})";

/// An agent with one server, "a", whose ports are those of peers in the test.
class ReadinessAgentTest : public AgentOnMock {
 protected:
  /// Accepted, and its process up.
  void create(const std::string& payload) {
    const Json end = finish("create_server", R"("serverId":"a","payload":{"image":"game:1",)"
                                             R"("startup":"cat","tty":false,"start":true,)" +
                                                 payload + "}");
    ASSERT_EQ(at(end, "data.success"), "true") << end.write();
  }
  static std::string rule(const std::string& fields) { return R"("readiness":{)" + fields + "}"; }
  static std::string minecraftOn(std::uint16_t port, const std::string& more = "") {
    return R"("ports":{"25565":)" + std::to_string(port) + "}," +
           rule(R"("type":"minecraft","port":25565,"interval":1)" + more);
  }
  Json command(const std::string& action, const std::string& payload = "{}") {
    return finish(action, R"("serverId":"a","payload":)" + payload);
  }
  Json status() { return *ask("get_status", R"("serverId":"a")").find("data"); }
  /// The first server_status event whose `member` is that.
  Json told(const std::string& member, const std::string& value, std::size_t from = 0) {
    return panel_.waitFor(
        [&](const Json& message) {
          return at(message, "event") == "server_status" && at(message, "data." + member) == value;
        },
        from);
  }
  void print(const std::string& text) {
    const auto info = runtime_->inspect({"ctrl-alt-play-a"}, soon());
    ASSERT_TRUE(info);
    ASSERT_TRUE(runtime_->extension<control::testing::MockControl>()->print(info->id, text));
  }
  /// "starting running" and so on, as it was told from message `from` on.
  std::string story(std::size_t from = 0) {
    std::string text;
    const std::vector<Json> all = panel_.all();
    for (std::size_t i = from; i < all.size(); ++i)
      if (at(all[i], "event") == "server_status_changed")
        text += at(all[i], "data.previousStatus") + '>' + at(all[i], "data.currentStatus") + ' ';
    return text;
  }
  std::string legacyStory() {
    std::string text;
    for (const Json& message : panel_.all())
      if (at(message, "type") == "server_status") text += at(message, "data.status") + ' ';
    return text;
  }
};

TEST_F(ReadinessAgentTest, WithoutARuleAServerRunsWhenItsProcessIsUp) {
  open();
  create(R"("environment":{})");
  const Json change = panel_.change("a", "running");
  EXPECT_EQ(at(change, "data.reason"), "requested");
  EXPECT_EQ(at(status(), "status"), "running");
  EXPECT_EQ(at(status(), "responding"), "-");
  EXPECT_EQ(at(status(), "players"), "-");
}

TEST_F(ReadinessAgentTest, AMinecraftServerStartsUntilItAnswersItsPing) {
  std::atomic<bool> up{false};
  const GamePeer game(GamePeer::Kind::kTcp, [&](std::string_view got) {
    return up ? minecraftServer(kTwoPlay)(got) : std::vector{GamePeer::kClose};
  });
  open();
  create(minecraftOn(game.port()));
  EXPECT_EQ(at(status(), "status"), "starting");
  EXPECT_EQ(at(*ask("list_servers").find("data")->find("servers")->elements()->begin(), "status"),
            "starting");
  EXPECT_EQ(at(ask("get_server_metrics", R"("serverId":"a")"), "data.status"), "starting");
  up = true;
  const Json change = panel_.change("a", "running");
  EXPECT_EQ(at(change, "data.previousStatus"), "starting");
  EXPECT_EQ(at(change, "data.reason"), "ready");
  EXPECT_NE(at(change, "data.containerId"), "-");
  EXPECT_EQ(at(change, "data.players.online"), "2");
  EXPECT_THAT(story(), testing::EndsWith("starting>running "));
  EXPECT_THAT(story(), Not(HasSubstr("starting>starting")));
  const Json legacy = panel_.waitFor([](const Json& message) {
    return at(message, "type") == "server_status" && at(message, "data.status") == "running";
  });
  EXPECT_FALSE(legacy.isNull());
  EXPECT_THAT(legacyStory(), testing::EndsWith("starting running "));
  const Json now = status();
  EXPECT_EQ(at(now, "status"), "running");
  EXPECT_EQ(at(now, "responding"), "true");
  EXPECT_EQ(now.find("players")->write(), R"({"online":2,"max":20,"list":["Ann","Bob"]})");
  const Json listed = *ask("list_servers").find("data")->find("servers")->elements()->begin();
  EXPECT_EQ(listed.find("players")->write(), R"({"online":2,"max":20})");
}

TEST_F(ReadinessAgentTest, ASourceServerIsAskedOverUdp) {
  const GamePeer game(GamePeer::Kind::kUdp, sourceServer(1, 16, {"Ann"}));
  open();
  create(R"("ports":{"27015/udp":)" + std::to_string(game.port()) + "}," +
         rule(R"("type":"source","port":27015)"));
  ASSERT_FALSE(panel_.change("a", "running").isNull());
  EXPECT_EQ(status().find("players")->write(), R"({"online":1,"max":16,"list":["Ann"]})");
}

TEST_F(ReadinessAgentTest, AnOpenPortIsEnoughForTcp) {
  const GamePeer game;
  open();
  create(R"("ports":{"80":)" + std::to_string(game.port()) + "}," +
         rule(R"("type":"tcp","port":80)"));
  ASSERT_FALSE(panel_.change("a", "running").isNull());
  EXPECT_EQ(at(status(), "players"), "-");
}

TEST_F(ReadinessAgentTest, ALineOfTheConsoleMakesItReady) {
  open();
  create(rule(R"("type":"console","text":"Done (")"));
  print("Loading\nDone\n");
  EXPECT_EQ(at(status(), "status"), "starting");
  print("[12:00] Done (3.2s)! For help, type \"help\"\n");
  EXPECT_EQ(at(panel_.change("a", "running"), "data.reason"), "ready");
  EXPECT_EQ(at(status(), "responding"), "-");
}

TEST_F(ReadinessAgentTest, ALineOfTheRunBeforeDoesNotCount) {
  open();
  create(rule(R"("type":"console","pattern":"^ready$","interval":1,"timeout":1)"));
  print("ready\n");
  ASSERT_FALSE(panel_.change("a", "running").isNull());
  ASSERT_EQ(at(command("kill_server"), "data.success"), "true");
  const std::size_t from = panel_.count();
  ASSERT_EQ(at(command("start_server"), "data.success"), "true");
  print("not yet\n");
  // It was looked for, and not found.
  const Json late =
      told("warning", "not ready after 1 s: no line of its console has matched", from);
  EXPECT_EQ(at(late, "data.status"), "starting");
  EXPECT_THAT(story(from), Not(HasSubstr(">running")));
  print("ready\n");
  EXPECT_FALSE(panel_.change("a", "running", from).isNull());
}

/// Costs as much as a pattern may, on lines of these two letters.
constexpr const char* kCostly = "(a|b)*a(a|b){900}c";

std::string costlyLine(std::size_t length) {
  std::string line;
  std::minstd_rand random(1);  // NOLINT(cert-msc51-cpp): the same each time
  while (line.size() < length) line += random() % 2 == 0 ? 'a' : 'b';
  return line + '\n';
}

TEST_F(ReadinessAgentTest, ACostlySearchHoldsUpNobody) {
  config_.console_bytes = std::size_t{16} * 1024 * 1024;
  const GamePeer game(GamePeer::Kind::kTcp, minecraftServer(kTwoPlay));
  open();
  create(rule(R"("type":"console","timeout":1,"pattern":")" + std::string(kCostly) + '"'));
  std::string minutes;
  for (int i = 0; i < 700; ++i) minutes += costlyLine(15'000);
  print(minutes);
  const auto warning = [&] { return at(ask("get_status", R"("serverId":"a")"), "data.warning"); };
  const auto until = Prober::Clock::now() + std::chrono::seconds(20);
  while (warning().find("still being searched") == std::string::npos)
    ASSERT_LT(Prober::Clock::now(), until) << warning();
  const Json made = ask("create_server", R"("serverId":"b","payload":{"image":"game:1",)"
                                         R"("startup":"cat","start":true,)" +
                                             minecraftOn(game.port()) + "}");
  ASSERT_EQ(at(made, "success"), "true") << made.write();
  EXPECT_EQ(at(panel_.change("b", "running"), "data.reason"), "ready");
  EXPECT_EQ(at(ask("get_status", R"("serverId":"b")"), "data.players.online"), "2");
  EXPECT_THAT(warning(), HasSubstr("still being searched"));
}

TEST_F(ReadinessAgentTest, ASearchOfManyTurnsFindsItsLine) {
  open();
  create(rule(R"("type":"console","pattern":")" + std::string(kCostly) + '"'));
  std::string text;
  for (int i = 0; i < 6; ++i) text += costlyLine(4000);
  print(text + std::string(901, 'a') + "c\n");
  EXPECT_EQ(at(panel_.change("a", "running"), "data.reason"), "ready");
}

TEST_F(ReadinessAgentTest, TheHealthCheckOfItsImageCanBeTheRule) {
  open();
  create(R"("labels":{"mock.healthy_after":"700ms"},)" + rule(R"("type":"health","interval":1)"));
  EXPECT_EQ(at(panel_.change("a", "running"), "data.reason"), "ready");
  const auto info = runtime_->inspect({"ctrl-alt-play-a"}, soon());
  EXPECT_EQ(info->health->state, control::Health::State::kHealthy);
  EXPECT_EQ(at(status(), "responding"), "true");
}

TEST_F(ReadinessAgentTest, AnImageWithoutACheckIsSaidAndNotWaitedFor) {
  open();
  create(rule(R"("type":"health")"));
  EXPECT_THAT(at(panel_.change("a", "running"), "data.warning"), HasSubstr("no HEALTHCHECK"));
  EXPECT_THAT(at(status(), "warning"), HasSubstr("cannot be told"));
}

TEST_F(ReadinessAgentTest, ConsolesThatAreNotReadCannotTell) {
  config_.console_bytes = 0;
  open();
  create(rule(R"("type":"console","text":"Done")"));
  EXPECT_THAT(at(panel_.change("a", "running"), "data.warning"), HasSubstr("CONSOLE_BYTES"));
}

TEST_F(ReadinessAgentTest, TooLongAStartIsToldAndEndsNothing) {
  const GamePeer closed(GamePeer::Kind::kClosed, {});
  open();
  create(minecraftOn(closed.port(), R"(,"timeout":1)"));
  const Json event = panel_.waitFor([](const Json& message) {
    return at(message, "event") == "server_status" &&
           at(message, "data.warning").starts_with("not ready after 1 s");
  });
  EXPECT_EQ(at(event, "data.status"), "starting");
  EXPECT_THAT(at(event, "data.warning"), HasSubstr("Connection refused"));
  EXPECT_EQ(at(status(), "status"), "starting");
  EXPECT_EQ(at(command("kill_server"), "data.success"), "true");
  EXPECT_THAT(story(), HasSubstr("starting>stopping"));
}

TEST_F(ReadinessAgentTest, AHangIsToldAndItsEnd) {
  std::atomic<bool> hangs{false};
  const GamePeer game(GamePeer::Kind::kTcp, [&](std::string_view got) {
    return hangs ? std::vector{GamePeer::kClose} : minecraftServer(kTwoPlay)(got);
  });
  open();
  create(minecraftOn(game.port()));
  ASSERT_FALSE(panel_.change("a", "running").isNull());
  hangs = true;
  const Json silent = told("responding", "false");
  ASSERT_FALSE(silent.isNull());
  EXPECT_EQ(at(silent, "data.status"), "running");
  EXPECT_EQ(at(silent, "data.players"), "-");
  EXPECT_THAT(at(silent, "data.warning"), StartsWith("it does not answer: "));
  const std::size_t from = panel_.count();
  hangs = false;
  const Json again = told("responding", "true", from);
  EXPECT_EQ(at(again, "data.players.online"), "2");
  EXPECT_EQ(at(again, "data.warning"), "-");
  EXPECT_EQ(story(from), "");
}

TEST_F(ReadinessAgentTest, PlayersStandInWhatIsSentRegularly) {
  const GamePeer game(GamePeer::Kind::kTcp, minecraftServer(kTwoPlay));
  config_.stats_interval = std::chrono::milliseconds(50);
  open();
  create(minecraftOn(game.port()));
  const Json update = panel_.waitFor([](const Json& message) {
    return at(message, "event") == "resource_update" && at(message, "data.players.online") == "2";
  });
  EXPECT_NE(at(update, "data.resources"), "-");
  std::string legacy;
  for (const std::string& text : agent_->greeting())
    if (const auto message = readJsonObject(text).value;
        message && at(*message, "data.stats") != "-")
      legacy = at(*message, "data.stats.players");
  EXPECT_EQ(legacy, "2");
}

TEST_F(ReadinessAgentTest, ANewAgentAsksAgainAndGoesOn) {
  const GamePeer game(GamePeer::Kind::kTcp, minecraftServer(kTwoPlay));
  open();
  create(minecraftOn(game.port()));
  ASSERT_FALSE(panel_.change("a", "running").isNull());
  agent_->close();
  const std::size_t from = panel_.count();
  open();
  EXPECT_EQ(at(panel_.change("a", "running", from), "data.reason"), "ready");
  EXPECT_THAT(story(from), testing::EndsWith("starting>running "));
  EXPECT_EQ(at(status(), "players.online"), "2");
}

TEST_F(ReadinessAgentTest, ANewAgentFindsTheLineThatMadeItReady) {
  open();
  create(rule(R"("type":"console","text":"Done (")"));
  print("Done (1s)\nmore\n");
  ASSERT_FALSE(panel_.change("a", "running").isNull());
  agent_->close();
  const std::size_t from = panel_.count();
  open();
  EXPECT_FALSE(panel_.change("a", "running", from).isNull());
}

TEST_F(ReadinessAgentTest, ANewAgentTakesALineThatIsNoLongerKeptForSaid) {
  config_.console_bytes = 16 * 1024;
  open();
  create(rule(R"("type":"console","text":"Done (")"));
  print("Done (1s)\n");
  ASSERT_FALSE(panel_.change("a", "running").isNull());
  std::string chatter;
  for (int i = 0; i < 1000; ++i) chatter += "somebody says something, as they do\n";
  print(chatter + "the end\n");
  ASSERT_FALSE(
      panel_.waitFor([](const Json& message) { return at(message, "data.message") == "the end"; })
          .isNull());
  agent_->close();
  const std::size_t from = panel_.count();
  open();
  EXPECT_FALSE(panel_.change("a", "running", from).isNull());
}

TEST_F(ReadinessAgentTest, AnEngineThatComesBackFindsItReady) {
  const GamePeer game(GamePeer::Kind::kTcp, minecraftServer(kTwoPlay));
  open();
  create(minecraftOn(game.port()));
  ASSERT_FALSE(panel_.change("a", "running").isNull());
  auto* const engine = runtime_->extension<control::testing::MockControl>();
  const std::size_t from = panel_.count();
  engine->engineDown(true);
  ASSERT_FALSE(panel_.change("a", "unknown", from).isNull());
  engine->engineDown(false);
  EXPECT_EQ(at(panel_.change("a", "running", from), "data.reason"), "adopted");
  EXPECT_EQ(story(from), "running>unknown unknown>running ");
  EXPECT_EQ(at(status(), "responding"), "true");
}

TEST_F(ReadinessAgentTest, ACrashBeginsAnew) {
  std::atomic<bool> up{true};
  const GamePeer game(GamePeer::Kind::kTcp, [&](std::string_view got) {
    return up ? minecraftServer(kTwoPlay)(got) : std::vector{GamePeer::kClose};
  });
  open();
  create(minecraftOn(game.port()) + R"(,"restart":{"policy":"always"})");
  ASSERT_FALSE(panel_.change("a", "running").isNull());
  up = false;
  const std::size_t from = panel_.count();
  ASSERT_TRUE(runtime_->kill({"ctrl-alt-play-a"}, soon()));
  ASSERT_FALSE(panel_.change("a", "starting", from).isNull());
  up = true;
  EXPECT_EQ(at(panel_.change("a", "running", from), "data.reason"), "ready");
  EXPECT_THAT(story(from), testing::EndsWith("starting>running "));
}

TEST_F(ReadinessAgentTest, NoPortButItsOwnIsEverAsked) {
  const GamePeer other(GamePeer::Kind::kTcp, minecraftServer(kTwoPlay));
  open();
  const std::string port = std::to_string(other.port());
  const auto refused = [&](const std::string& payload) {
    const Json answer =
        ask("create_server",
            R"("serverId":"a","payload":{"image":"game:1","start":true,)" + payload + "}");
    EXPECT_EQ(at(answer, "error.code"), "INVALID_PAYLOAD") << answer.write();
    return at(answer, "error.message");
  };
  const std::string asks = rule(R"("type":"tcp","port":)" + port);
  EXPECT_THAT(refused(asks), HasSubstr("none of the server's ports"));
  EXPECT_THAT(refused(R"("ports":{"1":)" + port + "}," + asks),
              HasSubstr("payload.readiness.port"));
  EXPECT_THAT(refused(R"("ports":{")" + port + R"(/udp":1},)" + asks), HasSubstr("/tcp is none"));
  EXPECT_THAT(
      refused(R"("ports":[{"internal":)" + port + R"(,"external":80,"ip":"192.0.2.7"}],)" + asks),
      HasSubstr("192.0.2.7 is no address of this host"));
  EXPECT_EQ(other.asked(), 0);
}

TEST_F(ReadinessAgentTest, AnUpdateCountsFromTheNextStart) {
  const GamePeer game(GamePeer::Kind::kTcp, minecraftServer(kTwoPlay));
  open();
  create(R"("ports":{"25565":)" + std::to_string(game.port()) + "}");
  ASSERT_FALSE(panel_.change("a", "running").isNull());
  EXPECT_EQ(
      at(command("update_server", R"({"readiness":{"type":"tcp","port":1}})"), "data.error.code"),
      "INVALID_PAYLOAD");
  ASSERT_EQ(at(command("update_server", R"({"readiness":{"type":"minecraft","port":25565}})"),
               "data.success"),
            "true");
  EXPECT_EQ(at(status(), "status"), "running");
  EXPECT_EQ(at(status(), "players"), "-");
  const std::size_t from = panel_.count();
  ASSERT_EQ(at(command("restart_server", R"({"timeout":0})"), "data.success"), "true");
  EXPECT_EQ(at(panel_.change("a", "running", from), "data.reason"), "ready");
  EXPECT_EQ(at(status(), "players.online"), "2");
  ASSERT_EQ(at(command("update_server", R"({"readiness":{"type":"process"}})"), "data.success"),
            "true");
  ASSERT_EQ(at(command("restart_server", R"({"timeout":0})"), "data.success"), "true");
  EXPECT_EQ(at(status(), "status"), "running");
  EXPECT_EQ(at(status(), "players"), "-");
}

}  // namespace
}  // namespace agent

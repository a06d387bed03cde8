// Teeworlds' server is ready when it says so on its console, when its remote console takes TCP
// connections, or when its image's HEALTHCHECK has passed: whichever rule it is given.

#include <fcntl.h>
#include <sched.h>

#include <cstdlib>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libcontrol/loader.h>
#include <unistd.h>

#include "agent/descriptor.h"
#include "docker/docker_plugin.h"
#include "engines/docker_fixture.h"
#include "unit/agent/whole/agent_on_mock.h"

namespace agent {
namespace {

using testing::HasSubstr;

std::shared_ptr<control::ContainerRuntime> dockerRuntime() {
  static const control::PluginDescriptor* const kLinked[] = {&control::docker::descriptor()};
  control::LoadOptions options;
  options.linked_plugins = kLinked;
  auto runtime = control::loadRuntime(control::test::dockerUri(), options);
  if (!runtime) throw std::runtime_error(runtime.error().message);
  return *runtime;
}

/// Published ports are in the engine's network alone. Threads that begin after it are there too.
void enterNetworkOfEngine() {
  const std::string name = control::test::dockerNetworkNamespace();
  if (name.empty()) return;
  const Descriptor network(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (::setns(network.get(), CLONE_NEWNET) != 0) throw std::runtime_error("cannot enter " + name);
}

class GameServer : public AgentOnMock {
 protected:
  GameServer() : AgentOnMock(dockerRuntime()) {}

  static void SetUpTestSuite() {
    const std::string script = std::string(GAME_IMAGE_SCRIPT) + ' ' + control::test::dockerSocket();
    ASSERT_EQ(std::system(script.c_str()), 0);
    enterNetworkOfEngine();
  }

  void TearDown() override {
    if (agent_) finish("kill_server", server_);
    if (agent_) finish("delete_server", server_);
  }

  /// Its process is up, a second before the server itself is.
  void start(const std::string& readiness) {
    config_.node_id = "game-" + std::to_string(::getpid());
    config_.stats_interval = std::chrono::milliseconds(0);
    server_ = R"("serverId":"teeworlds-)" + std::to_string(::getpid()) + '"';
    open();
    const Json end =
        finish("create_server",
               server_ +
                   R"(,"payload":{"image":"control-test-teeworlds:latest","pull":"never",)"
                   R"("ports":{"8303/udp":0,"8304":0},"start":true,"startup":"sleep 1; )"
                   R"(exec /usr/games/teeworlds-server 'sv_register 0' 'sv_name a test' )"
                   R"('ec_bindaddr 0.0.0.0' 'ec_port 8304' 'ec_password secret'",)"
                   R"("readiness":)" +
                   readiness + "}");
    ASSERT_EQ(at(end, "data.success"), "true") << end.write();
  }

  /// Whether the server had written this when it was told to be ready.
  void expectReadyAfter(const std::string& line) {
    const Json change = panel_.waitFor([](const Json& message) {
      return at(message, "event") == "server_status_changed" &&
             at(message, "data.currentStatus") == "running";
    });
    ASSERT_FALSE(change.isNull());
    EXPECT_EQ(at(change, "data.previousStatus"), "starting");
    EXPECT_EQ(at(change, "data.reason"), "ready");
    EXPECT_EQ(at(change, "data.warning"), "-");
    // Lines take their own way here; what counts is when the server wrote them.
    const auto is_line = [&](const Json& message) {
      return at(message, "event") == "server_log" &&
             at(message, "data.message").find(line) != std::string::npos;
    };
    ASSERT_FALSE(panel_.waitFor(is_line).isNull());
    const Json logs =
        ask("get_server_logs", server_ + R"(,"payload":{"search":")" + line + R"("})");
    const Json& written = logs.find("data")->find("lines")->elements()->front();
    EXPECT_LE(at(written, "timestamp"), at(change, "timestamp"));
    EXPECT_EQ(at(ask("get_status", server_), "data.status"), "running");
  }

  std::string server_;
};

TEST_F(GameServer, IsReadyWhenItsConsoleSaysSo) {
  start(R"({"type":"console","pattern":"server name is '.+'"})");
  expectReadyAfter("server name is 'a test'");
}

/// The engine's proxy for the port accepts connections from the beginning.
TEST_F(GameServer, IsReadyWhenItsPortTakesConnections) {
  start(R"({"type":"tcp","port":8304,"interval":1})");
  expectReadyAfter("bound to 0.0.0.0:8304");
  EXPECT_EQ(at(ask("get_status", server_), "data.responding"), "true");
}

TEST_F(GameServer, IsReadyWhenItsHealthCheckPasses) {
  start(R"({"type":"health","interval":1})");
  expectReadyAfter("bound to 0.0.0.0:8304");
}

/// Teeworlds speaks another protocol on its port: it is asked in vain, and no harm is done.
TEST_F(GameServer, IsNotReadyByAProtocolThatItDoesNotSpeak) {
  start(R"({"type":"source","port":8303,"interval":1,"timeout":1})");
  const Json late = panel_.waitFor([](const Json& message) {
    return at(message, "data.warning").starts_with("not ready after 1 s");
  });
  EXPECT_EQ(at(late, "data.status"), "starting");
  EXPECT_THAT(at(late, "data.warning"), HasSubstr("no answer in 5 s"));
}

}  // namespace
}  // namespace agent

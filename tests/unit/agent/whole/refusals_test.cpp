#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libcontrol/testing/mock_control.h>

#include "agent/actions/action.h"
#include "unit/agent/whole/open_agent.h"

namespace agent {
namespace {

using testing::HasSubstr;
using testing::Not;

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

TEST_F(OpenAgent, RefusesADirectoryThatIsALink) {
  std::filesystem::create_directories(config_.data_dir);
  std::filesystem::create_directory(directory_.path("elsewhere"));
  std::filesystem::create_directory_symlink(directory_.path("elsewhere"), config_.data_dir + "/a");
  const Json response = ask("create_server", R"("serverId":"a","payload":{"image":"game:1"})");
  EXPECT_EQ(at(response, "error.code"), "PERMISSION_DENIED");
  EXPECT_THAT(at(response, "error.message"), Not(HasSubstr(directory_.path())));
}

}  // namespace
}  // namespace agent

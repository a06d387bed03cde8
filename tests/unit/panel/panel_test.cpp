#include "examples/panel/panel.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "examples/panel/create_words.h"
#include "tests/unit/panel/panel_fixture.h"

namespace panel {
namespace {

using Poco::Net::HTTPResponse;
using Poco::Net::WebSocket;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Words, KeepQuotedPartsTogether) {
  EXPECT_THAT(*splitWords(R"(create web startup="trap 'exit 0' INT; sleep 1")"),
              ElementsAre("create", "web", "startup=trap 'exit 0' INT; sleep 1"));
}

TEST(Words, EndAtAComment) {
  EXPECT_THAT(*splitWords("stop web # now"), ElementsAre("stop", "web"));
}

TEST(Words, OfAnEmptyLineAreNone) { EXPECT_TRUE(splitWords("  \t ")->empty()); }

TEST(Words, WithAnOpenQuoteAreRefused) { EXPECT_FALSE(splitWords("say 'hello")); }

TEST(Describe, SaysWhoPlaysAndWhatIsWrong) {
  const auto described = [](const std::string& status) {
    return describe(Poco::JSON::Parser().parse(status).extract<Poco::JSON::Object::Ptr>());
  };
  EXPECT_EQ(described(R"({"serverId":"a","status":"running","players":{"online":2,"max":20}})"),
            "a: running, 2 of 20 playing");
  EXPECT_EQ(described(R"({"serverId":"a","status":"starting","warning":"not ready after 9 s: x"})"),
            "a: starting, not ready after 9 s: x");
}

std::string payloadOf(const Words& words) {
  std::string problem;
  const auto payload = createPayload(words, problem);
  if (!problem.empty()) return "problem: " + problem;
  std::ostringstream out;
  payload->stringify(out);
  return out.str();
}

TEST(CreatePayload, PutsLimitsEnvironmentAndPortsWhereTheProtocolWantsThem) {
  EXPECT_EQ(payloadOf({"image=busybox", "memory=64m", "cpu=150", "env.MODE=fast",
                       "port=2000:25565/udp", "restart=on-failure:3", "tty=false"}),
            R"({"environment":{"MODE":"fast"},"image":"busybox",)"
            R"("limits":{"cpu":150,"memory":"64m"},)"
            R"("ports":[{"external":2000,"internal":25565,"protocol":"udp"}],)"
            R"("restart":{"maxRetries":3,"policy":"on-failure"},"tty":false})");
}

TEST(CreatePayload, TakesALimitOfTheDisk) {
  EXPECT_EQ(payloadOf({"image=busybox", "disk=5g"}),
            R"({"image":"busybox","limits":{"disk":"5g"}})");
}

TEST(CreatePayload, TakesEachKindOfReadiness) {
  const auto readiness = [](const std::string& value) {
    return payloadOf({"readiness=" + value, "readiness.timeout=9"});
  };
  EXPECT_EQ(readiness("console:Done (1:2"),
            R"({"readiness":{"text":"Done (1:2","timeout":9,"type":"console"}})");
  EXPECT_EQ(readiness("pattern:^Done"),
            R"({"readiness":{"pattern":"^Done","timeout":9,"type":"console"}})");
  for (const std::string type : {"tcp", "minecraft", "source"})
    EXPECT_EQ(readiness(type + ":25565"),
              R"({"readiness":{"port":25565,"timeout":9,"type":")" + type + R"("}})");
  for (const std::string type : {"health", "process"})
    EXPECT_EQ(readiness(type), R"({"readiness":{"timeout":9,"type":")" + type + R"("}})");
}

TEST(CreatePayload, SaysHowReadinessIsWritten) {
  for (const char* wrong : {"", "tcp", "tcp:", "tcp:0", "tcp:65536", "tcp:1.5", "tcp:-1", "udp:1",
                            "console:", "console", "pattern:", "health:1", "25565"})
    EXPECT_THAT(payloadOf({std::string("readiness=") + wrong}),
                StartsWith("problem: readiness is written as console:TEXT"))
        << wrong;
}

TEST(CreatePayload, RefusesAPortThatIsNone) {
  for (const char* wrong : {"0:1", "1:0", "65536", "1e12:1", "x/udp", ":", "1:"})
    EXPECT_THAT(payloadOf({std::string("port=") + wrong}), StartsWith("problem: a port is written"))
        << wrong;
  EXPECT_EQ(payloadOf({"port=53/udp"}),
            R"({"ports":[{"external":53,"internal":53,"protocol":"udp"}]})");
}

TEST(CreatePayload, NamesAnUnknownKey) {
  EXPECT_THAT(payloadOf({"image=busybox", "colour=red"}),
              HasSubstr("problem: unknown key 'colour'"));
}

TEST_F(PanelTest, RefusesAWrongSecret) {
  EXPECT_EQ(statusOf("?nodeId=n1", "s3cre"), HTTPResponse::HTTP_UNAUTHORIZED);
  EXPECT_EQ(statusOf("?nodeId=n1", "s3cret2"), HTTPResponse::HTTP_UNAUTHORIZED);
  EXPECT_EQ(statusOf("?nodeId=n1", ""), HTTPResponse::HTTP_UNAUTHORIZED);
}

TEST_F(PanelTest, RefusesAnAgentWithoutANode) {
  EXPECT_EQ(statusOf("", "s3cret"), HTTPResponse::HTTP_BAD_REQUEST);
}

TEST_F(PanelTest, SendsACommandAndShowsThatItWasAccepted) {
  FakeAgent agent(listener_.port());
  ASSERT_EQ(console_.run("agent 10"), "");
  EXPECT_EQ(runAnswered("stop web SIGINT 0.7", agent, R"("success":true,"data":{})"), "");
  EXPECT_EQ(text(command_, "action"), "stop_server");
  EXPECT_EQ(text(command_, "serverId"), "web");
  EXPECT_EQ(text(command_, "agentId"), "n1");
  EXPECT_EQ(text(command_->getObject("payload"), "signal"), "SIGINT");
  EXPECT_EQ(text(command_->getObject("payload"), "timeout"), "0.7");
}

TEST_F(PanelTest, FailsWhenTheAgentRefuses) {
  FakeAgent agent(listener_.port());
  ASSERT_EQ(console_.run("agent 10"), "");
  const std::string refusal =
      R"("success":false,"error":{"code":"SERVER_NOT_FOUND","message":"no server 'web'"})";
  EXPECT_EQ(runAnswered("start web", agent, refusal), "SERVER_NOT_FOUND: no server 'web'");
  EXPECT_EQ(runAnswered("refused SERVER_NOT_FOUND start web", agent, refusal), "");
  EXPECT_THAT(runAnswered("refused INVALID_STATE start web", agent, refusal),
              StartsWith("expected INVALID_STATE"));
}

TEST_F(PanelTest, WaitsForTheOutcomeOfACommand) {
  FakeAgent agent(listener_.port());
  ASSERT_EQ(console_.run("agent 10"), "");
  ASSERT_EQ(runAnswered("start web", agent, R"("success":true,"data":{})"), "");
  agent.send(R"({"type":"event","event":"command_completed","data":{"commandId":")" +
             text(command_, "id") +
             R"(","success":false,"error":{"code":"IMAGE_NOT_FOUND","message":"no image"}}})");
  EXPECT_EQ(console_.run("done 10"), "IMAGE_NOT_FOUND: no image");
  EXPECT_EQ(console_.run("refused IMAGE_NOT_FOUND done"), "");
}

TEST_F(PanelTest, KnowsHowAServerEnded) {
  FakeAgent agent(listener_.port());
  agent.changed("web", "stopped", R"(,"reason":"stopped_gracefully","exitCode":42)");
  ASSERT_EQ(console_.run("wait web stopped 10"), "");
  EXPECT_EQ(console_.run("expect web state=stopped reason=stopped_gracefully exitCode=42"), "");
  EXPECT_EQ(console_.run("expect web exitCode=0"), "expected exitCode '0', found '42'");
  EXPECT_THAT(output_.str(), HasSubstr("web  x -> stopped  (stopped_gracefully, exit code 42)"));
}

TEST_F(PanelTest, OpensAConsole) {
  FakeAgent agent(listener_.port());
  ASSERT_EQ(console_.run("agent 10"), "");
  const auto line = [&](const std::string& server, int number, const std::string& message) {
    agent.send(R"({"type":"event","event":"server_log","seq":1,"data":{"serverId":")" + server +
               R"(","seq":)" + std::to_string(number) + R"(,"message":")" + message + R"("}})");
  };
  ASSERT_EQ(runAnswered("console web", agent,
                        R"("success":true,"data":{"lastSeq":2,"lines":[{"message":"first"},)"
                        R"({"message":"\u001b[31msec\u009bond"}]})"),
            "");
  line("web", 2, "second again");
  line("other", 3, "of another server");
  line("web", 3, "third");
  EXPECT_EQ(runAnswered("say 'hi'", agent, R"("success":true,"data":{})"), "");
  EXPECT_EQ(text(command_, "action"), "send_command");
  EXPECT_EQ(text(command_, "serverId"), "web");
  EXPECT_EQ(text(command_->getObject("payload"), "command"), "say 'hi'");
  EXPECT_THAT(output_.str(), HasSubstr("first\n[31msecond\nthird\n"));
  EXPECT_THAT(output_.str(), ::testing::Not(HasSubstr("again")));
  EXPECT_THAT(output_.str(), ::testing::Not(HasSubstr("another")));
  EXPECT_EQ(console_.run("."), "");
  EXPECT_EQ(console_.run("say left"), "");
  line("other", 4, "seen now");
  agent.changed("web", "stopped");
  ASSERT_EQ(console_.run("wait web stopped 10"), "");
  EXPECT_THAT(output_.str(), HasSubstr("other | seen now"));
}

TEST_F(PanelTest, ReassemblesFragmentsWithAPingBetween) {
  FakeAgent agent(listener_.port());
  const std::string message =
      R"({"type":"event","event":"server_status","data":{"serverId":"web","status":"running"}})";
  agent.send(message.substr(0, 20), WebSocket::FRAME_OP_TEXT);
  agent.send("are you there?",
             static_cast<int>(WebSocket::FRAME_FLAG_FIN) | WebSocket::FRAME_OP_PING);
  agent.send(message.substr(20),
             static_cast<int>(WebSocket::FRAME_FLAG_FIN) | WebSocket::FRAME_OP_CONT);
  EXPECT_EQ(console_.run("wait web running 10"), "");
  int flags = 0;
  EXPECT_EQ(agent.receive(flags), "are you there?");
  EXPECT_EQ(flags & WebSocket::FRAME_OP_BITMASK, WebSocket::FRAME_OP_PONG);
}

TEST_F(PanelTest, SurvivesWhatIsNoMessage) {
  FakeAgent agent(listener_.port());
  agent.send("[1,2");
  agent.send(R"("text")");
  agent.changed("web", "running");
  EXPECT_EQ(console_.run("wait web running 10"), "");
}

TEST_F(PanelTest, StopsAScriptAtTheFirstFailure) {
  std::istringstream script("say one\nnonsense\nsay three\n");
  EXPECT_FALSE(console_.runScript(script, "test.panel"));
  EXPECT_THAT(output_.str(), HasSubstr("test.panel:2"));
  EXPECT_THAT(output_.str(), ::testing::Not(HasSubstr("three")));
}

TEST_F(PanelTest, PutsVariablesIntoLines) {
  console_.set("IMAGE", "busybox");
  EXPECT_EQ(console_.run("say with ${IMAGE}"), "");
  EXPECT_THAT(output_.str(), HasSubstr("with busybox"));
}

}  // namespace
}  // namespace panel

#include "examples/panel/panel.h"

#include <Poco/JSON/Parser.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/WebSocket.h>

#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "examples/panel/console.h"
#include "examples/panel/create_words.h"

namespace panel {
namespace {

using Poco::Net::HTTPRequest;
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

TEST(CreatePayload, NamesAnUnknownKey) {
  EXPECT_THAT(payloadOf({"image=busybox", "colour=red"}),
              HasSubstr("problem: unknown key 'colour'"));
}

/// An agent as far as the panel can tell.
class FakeAgent {
 public:
  explicit FakeAgent(std::uint16_t port, const std::string& query = "?nodeId=n1",
                     const std::string& secret = "s3cret")
      : session_("127.0.0.1", port), socket_(connect(session_, query, secret)) {
    socket_.setReceiveTimeout(Poco::Timespan(10, 0));
  }

  void send(const std::string& text, int flags = WebSocket::FRAME_TEXT) {
    socket_.sendFrame(text.data(), static_cast<int>(text.size()), flags);
  }

  std::string receive(int& flags) {
    char buffer[4096];
    const int size = socket_.receiveFrame(buffer, sizeof buffer, flags);
    return {buffer, static_cast<std::size_t>(std::max(size, 0))};
  }

  /// Takes one command and answers it with `rest`, the response without its id.
  Poco::JSON::Object::Ptr answer(const std::string& rest) {
    int flags = 0;
    auto command = Poco::JSON::Parser().parse(receive(flags)).extract<Poco::JSON::Object::Ptr>();
    send(R"({"type":"response","id":")" + text(command, "id") + "\"," + rest + "}");
    return command;
  }

  void changed(const std::string& server, const std::string& state, const std::string& more = "") {
    send(R"({"type":"event","event":"server_status_changed","seq":1,"data":{"serverId":")" +
         server + R"(","previousStatus":"x","currentStatus":")" + state + R"(","status":")" +
         state + "\"" + more + "}}");
  }

 private:
  static WebSocket connect(Poco::Net::HTTPClientSession& session, const std::string& query,
                           const std::string& secret) {
    HTTPRequest request(HTTPRequest::HTTP_GET, "/agents" + query, HTTPRequest::HTTP_1_1);
    request.set("Authorization", "Bearer " + secret);
    HTTPResponse response;
    return WebSocket(session, request, response);
  }

  Poco::Net::HTTPClientSession session_;
  WebSocket socket_;
};

class PanelTest : public ::testing::Test {
 protected:
  PanelTest() : listener_("127.0.0.1:0", "s3cret", panel_) { panel_.setListener(&listener_); }

  /// Runs `line` while `agent` answers the command it sends.
  std::string runAnswered(const std::string& line, FakeAgent& agent, const std::string& answer) {
    std::jthread other([&] { command_ = agent.answer(answer); });
    return console_.run(line);
  }

  HTTPResponse::HTTPStatus statusOf(const std::string& query, const std::string& secret) {
    Poco::Net::HTTPClientSession session("127.0.0.1", listener_.port());
    HTTPRequest request(HTTPRequest::HTTP_GET, "/" + query, HTTPRequest::HTTP_1_1);
    request.set("Authorization", "Bearer " + secret);
    session.sendRequest(request);
    HTTPResponse response;
    session.receiveResponse(response);
    return response.getStatus();
  }

  std::ostringstream output_;
  Screen screen_{output_};
  Panel panel_{screen_};
  AgentListener listener_;
  Console console_{panel_, screen_};
  Poco::JSON::Object::Ptr command_;
};

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
             text(command_, "id") + R"(","success":false,"error":"no image"}})");
  EXPECT_EQ(console_.run("done 10"), "the command failed: no image");
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
                        R"({"message":"\u001b[31msecond"}]})"),
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

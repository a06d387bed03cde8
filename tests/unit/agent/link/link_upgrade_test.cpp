#include "agent/panel/link.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "unit/agent/link/link_on_peer.h"

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::kText;
using test_support::wsFrame;
using test_support::WsPeer;

TEST_F(Link, IdentifiesItselfInTheHeaders) {
  start(settings());
  auto connection = peer_.next();
  ASSERT_TRUE(connection);
  auto request = connection->readRequest();
  EXPECT_EQ(request[""], "GET /agents?nodeId=node-1 HTTP/1.1");
  EXPECT_EQ(request["authorization"], "Bearer s3cret");
  EXPECT_EQ(request["x-node-id"], "node-1");
  EXPECT_TRUE(request["user-agent"].starts_with("ctrl-alt-play-agent/")) << request["user-agent"];
  EXPECT_EQ(request["sec-websocket-version"], "13");
  EXPECT_EQ("ws://" + request["host"] + "/agents", peer_.url());
}

TEST_F(Link, AppendsTheNodeIdToAQueryThatIsThere) {
  LinkSettings with_query = settings();
  with_query.url = peer_.url("?token=a%20b");
  with_query.node_id = "a/b&c";
  start(with_query);
  auto connection = peer_.next();
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->readRequest()[""], "GET /?token=a%20b&nodeId=a%2Fb%26c HTTP/1.1");
}

TEST_F(Link, KeepsTheNodeIdOutOfTheQueryWhenTold) {
  LinkSettings without = settings();
  without.node_id_in_query = false;
  start(without);
  auto connection = peer_.next();
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->readRequest()[""], "GET /agents HTTP/1.1");
}

TEST_F(Link, SendsTheGreetingBeforeWhatIsQueued) {
  PanelLink& link = start(settings());
  link.send("queued", Delivery::kResult);
  auto connection = accepted();
  EXPECT_EQ(connection.read()->payload, "hello");
  const auto second = connection.read();
  EXPECT_EQ(second->payload, "queued");
  EXPECT_TRUE(second->masked);
}

TEST_F(Link, ReadsAFrameThatCameInTheSegmentOfTheUpgrade) {
  start(settings());
  auto connection = accepted(wsFrame(kText, "early") + wsFrame(kText, "bird"));
  EXPECT_EQ(connection.readText(), "got: early");
  EXPECT_EQ(connection.readText(), "got: bird");
}

struct Refusal {
  const char* name;
  const char* status;
  const char* headers;
  const char* told;
};
class LinkRefused : public Link, public testing::WithParamInterface<Refusal> {};

TEST_P(LinkRefused, SaysWhatThePanelAnswered) {
  start(settings());
  auto connection = peer_.next();
  ASSERT_TRUE(connection);
  connection->refuse(GetParam().status, GetParam().headers);
  EXPECT_NE(problem().find(GetParam().told), std::string::npos) << problem();
  EXPECT_EQ(problem().find("s3cret"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, LinkRefused,
    testing::Values(
        Refusal{"Unauthorized", "401 Unauthorized", "", "401 Unauthorized: it does not accept"},
        Refusal{"Forbidden", "403 Forbidden", "", "403 Forbidden: it does not accept"},
        Refusal{"Repeating", "401 no node has s3cret", "", "401 no node has [secret]"},
        Refusal{"NotFound", "404 Not Found", "", "answered 404"},
        Refusal{"TooMany", "429 Too Many Requests", "Retry-After: 60\r\n", "answered 429"},
        Refusal{"Redirect", "302 Found", "Location: ws://elsewhere/\r\n", "redirects are not"},
        Refusal{"NoWebSocket", "200 OK", "", "no WebSocket is offered"},
        Refusal{"WrongKey", "101 Switching Protocols",
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bad\r\n",
                "Sec-WebSocket-Accept"}),
    [](const auto& given) { return std::string(given.param.name); });

TEST_F(Link, StaysAwayForTheWholeRetryAfter) {
  start(settings());
  peer_.next()->refuse("429 Too Many Requests", "Retry-After: 60\r\n");
  problem();
  EXPECT_FALSE(peer_.next(milliseconds(800)));  // a first retry comes within 500 ms otherwise
}

TEST_F(Link, ComesBackSoonAfterAnyOtherFailure) {
  start(settings());
  peer_.next()->refuse("503 Service Unavailable");
  EXPECT_TRUE(peer_.next(seconds(5)));
}

TEST_F(Link, SurvivesAPanelThatClosesBeforeItAnswers) {
  start(settings());
  peer_.next()->readRequest();
  EXPECT_NE(problem().find("before it answered the upgrade"), std::string::npos) << problem();
  EXPECT_TRUE(peer_.next(seconds(5)));
}

TEST_F(Link, GivesUpOnAPanelThatDoesNotAnswerTheUpgrade) {
  LinkSettings impatient = settings();
  impatient.timing.dial = milliseconds(200);
  start(impatient);
  auto silent = peer_.next();
  EXPECT_TRUE(peer_.next(seconds(5)));
  EXPECT_TRUE(silent->ended(milliseconds(200)));
}

TEST_F(Link, GivesUpOnAPanelThatAnswersTheUpgradeByteByByte) {
  LinkSettings impatient = settings();
  impatient.timing.dial = milliseconds(300);
  start(impatient);
  auto slow = peer_.next();
  const auto began = Clock::now();
  while (!peer_.next(milliseconds(20)) && Clock::now() - began < seconds(8)) slow->write("H");
  EXPECT_LT(Clock::now() - began, seconds(7));
}

TEST_F(Link, StopsWhileThePanelIsSilentInTheUpgrade) {
  PanelLink& link = start(settings());
  auto silent = peer_.next();
  const auto began = Clock::now();
  link.stop();
  EXPECT_LT(Clock::now() - began, seconds(5));
}

TEST_F(Link, SaysThatNobodyListens) {
  LinkSettings nobody = settings();
  {
    WsPeer gone;
    nobody.url = gone.url();
  }
  start(nobody);
  EXPECT_NE(problem().find("Connection refused"), std::string::npos) << problem();
}

TEST_F(Link, SaysThatANameDoesNotExist) {
  LinkSettings unknown = settings();
  unknown.url = "ws://no-such-host.invalid:1/";
  start(unknown);
  EXPECT_NE(problem().find("no-such-host.invalid"), std::string::npos) << problem();
}

}  // namespace
}  // namespace agent

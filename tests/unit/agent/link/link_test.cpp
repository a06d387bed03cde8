#include "agent/panel/link.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "agent/log.h"
#include "support/ws_peer.h"

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::kBinary;
using test_support::kEnd;
using test_support::kMiddle;
using test_support::kPing;
using test_support::kText;
using test_support::kTextStart;
using test_support::wsClose;
using test_support::WsConnection;
using test_support::wsFrame;
using test_support::WsPeer;
using Clock = std::chrono::steady_clock;

/// Answers every message with "got: " and the message, every problem with its number.
class Echo : public LinkListener {
 public:
  std::vector<std::string> greeting() override { return {"hello"}; }
  std::string heartbeat() override { return "beat"; }
  void onMessage(std::string text) override { link->send("got: " + text, Delivery::kResult); }
  void onFrameProblem(FrameProblem problem) override {
    link->send("problem " + std::to_string(static_cast<int>(problem)), Delivery::kResult);
  }
  std::string consoleGap(const std::string& server, std::uint64_t lines,
                         std::uint64_t sequence) override {
    return "gap " + server + ' ' + std::to_string(lines) + ' ' + std::to_string(sequence);
  }

  PanelLink* link = nullptr;
};

class Link : public testing::Test {
 protected:
  Link() { log::setUp(LogLevel::kOff, LogFormat::kText); }
  ~Link() override {
    if (link_) link_->stop();
  }

  LinkSettings settings() const {
    LinkSettings settings;
    settings.url = peer_.url();
    settings.node_id = "node-1";
    settings.secret = "s3cret";
    settings.random = [] { return 0.0; };  // comes back at once, where it may
    return settings;
  }

  PanelLink& start(LinkSettings settings) {
    link_ = std::make_unique<PanelLink>(std::move(settings), echo_);
    echo_.link = link_.get();
    link_->start();
    return *link_;
  }

  WsConnection accepted(std::string_view glued = "") {
    auto connection = peer_.next();
    if (!connection) throw std::runtime_error("no connection came");
    connection->accept(glued);
    return std::move(*connection);
  }

  WsConnection connected() {
    start(settings());
    return accepted();
  }

  /// Waits until the link says why it is not connected, other than that it never was.
  std::string problem() const {
    const auto deadline = Clock::now() + seconds(10);
    for (;;) {
      const LinkStatus status = link_->status();
      if (!status.connected && status.problem != "not connected yet") return status.problem;
      if (Clock::now() > deadline) return "(none)";
      std::this_thread::sleep_for(milliseconds(1));
    }
  }

  /// The code of the close frame that comes next; 0 when none does.
  static int closeCode(WsConnection& connection) {
    while (const auto frame = connection.read())
      if (frame->opcode() == 8) return frame->closeCode();
    return 0;
  }

  WsPeer peer_;
  Echo echo_;
  std::unique_ptr<PanelLink> link_;
};

TEST_F(Link, SaysWhetherItsThreadTurns) {
  const WsConnection connection = connected();
  EXPECT_TRUE(link_->turns());
  const auto deadline = Clock::now() + seconds(20);
  for (int turned = 0; turned < 3; turned += link_->turns() ? 1 : 0) {
    ASSERT_LT(Clock::now(), deadline);
    std::this_thread::yield();
  }
}

// ---- The upgrade ----

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
  EXPECT_LT(Clock::now() - began, seconds(4));
}

TEST_F(Link, StopsWhileThePanelIsSilentInTheUpgrade) {
  PanelLink& link = start(settings());
  auto silent = peer_.next();
  const auto began = Clock::now();
  link.stop();
  EXPECT_LT(Clock::now() - began, milliseconds(500));
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

// ---- Messages ----

TEST_F(Link, PutsFragmentsTogetherAndAnswersThePingBetween) {
  auto connection = connected();
  EXPECT_EQ(connection.read()->payload, "hello");
  connection.write(wsFrame(kTextStart, "fra") + wsFrame(kPing, "between") + wsFrame(kMiddle, "g") +
                   wsFrame(kEnd, "ment"));
  const auto pong = connection.read();
  EXPECT_EQ(pong->first_byte, test_support::kPong);
  EXPECT_EQ(pong->payload, "between");
  EXPECT_EQ(connection.readText(), "got: fragment");
}

TEST_F(Link, AnswersAnEmptyPing) {
  auto connection = connected();
  EXPECT_EQ(connection.read()->payload, "hello");
  connection.write(wsFrame(kPing, ""));
  const auto pong = connection.read();
  EXPECT_EQ(pong->first_byte, test_support::kPong);
  EXPECT_EQ(pong->payload, "");
}

TEST_F(Link, ReadsAFrameThatIsSplitAtEveryByte) {
  auto connection = connected();
  const std::string frame = wsFrame(kText, std::string(130, 'x'));
  for (std::size_t at = 1; at < 6; ++at) {
    connection.write(frame.substr(0, at));
    std::this_thread::sleep_for(milliseconds(5));
    connection.write(frame.substr(at));
    EXPECT_EQ(connection.readText(), "got: " + std::string(130, 'x')) << at;
  }
}

TEST_F(Link, GoesOnAfterABinaryMessage) {
  auto connection = connected();
  connection.write(wsFrame(kBinary, "abc"));
  connection.text("next");
  EXPECT_EQ(connection.readText(), "problem 0");
  EXPECT_EQ(connection.readText(), "got: next");
}

TEST_F(Link, GoesOnAfterTextThatIsNotUtf8) {
  auto connection = connected();
  connection.text("\xFF\xFE");
  connection.text("next");
  EXPECT_EQ(connection.readText(), "problem 1");
  EXPECT_EQ(connection.readText(), "got: next");
}

TEST_F(Link, GoesOnAfterAFrameOfOneAndAHalfMebibytes) {
  auto connection = connected();
  connection.text(std::string(1536 * 1024, 'x'));
  connection.text("next");
  EXPECT_EQ(connection.readText(), "problem 2");
  EXPECT_EQ(connection.readText(), "got: next");
}

TEST_F(Link, GoesOnAfterAnEndlessMessageInFragments) {
  auto connection = connected();
  connection.write(wsFrame(kTextStart, "x"));
  for (int index = 0; index < 200; ++index)
    connection.write(wsFrame(kMiddle, std::string(64 * 1024, 'x')));
  connection.write(wsFrame(kEnd, "x"));
  connection.text("next");
  EXPECT_EQ(connection.readText(), "problem 2");
  EXPECT_EQ(connection.readText(), "got: next");
}

struct BadFrame {
  const char* name;
  std::string bytes;
  int code;
};
class LinkViolated : public Link, public testing::WithParamInterface<BadFrame> {};

TEST_P(LinkViolated, ClosesWithTheRightCodeAndComesBack) {
  auto connection = connected();
  connection.write(GetParam().bytes);
  EXPECT_EQ(closeCode(connection), GetParam().code);
  connection = WsConnection(-1);
  EXPECT_TRUE(peer_.next(seconds(5)));
}

INSTANTIATE_TEST_SUITE_P(
    Frames, LinkViolated,
    testing::Values(
        BadFrame{"ReservedBits", wsFrame(0xC1, "x"), 1002},
        BadFrame{"UnknownOpcode", wsFrame(0x83, "x"), 1002},
        BadFrame{"ContinuationOfNothing", wsFrame(kEnd, "x"), 1002},
        BadFrame{"MessageInMessage", wsFrame(kTextStart, "x") + wsFrame(kText, "y"), 1002},
        BadFrame{"LongPing", wsFrame(kPing, std::string(126, 'x')), 1002},
        BadFrame{"AnnouncesTooMuch", std::string("\x81\x7F\0\0\0\x7F\0\0\0\0", 10), 1009},
        BadFrame{"AnnouncesANegativeSize", std::string("\x81\x7F\x80\0\0\0\0\0\0\0", 10), 1002},
        BadFrame{"BadReason", wsClose(1000, "\xFF"), 1007}),
    [](const auto& given) { return std::string(given.param.name); });

TEST_F(Link, EndsTheConnectionByItselfWhenThePanelDoesNotAfterAViolation) {
  auto connection = connected();
  connection.write(wsFrame(kEnd, "x"));
  EXPECT_EQ(closeCode(connection), 1002);
  EXPECT_TRUE(connection.ended());
  EXPECT_NE(problem().find("continuation of no message (closed with 1002)"), std::string::npos);
}

TEST_F(Link, SaysThatAFrameIsTooLargeToBeSkippedBeforeItCloses) {
  auto connection = connected();
  connection.write(std::string("\x81\x7F\0\0\0\x7F\0\0\0\0", 10));
  EXPECT_EQ(connection.readText(),
            "problem " + std::to_string(static_cast<int>(FrameProblem::kTooLarge)));
  EXPECT_EQ(closeCode(connection), 1009);
}

TEST_F(Link, KeepsTheSecretOutOfTheReasonOfAClose) {
  auto connection = connected();
  connection.write(wsClose(1008, "bad secret s3cret"));
  EXPECT_EQ(closeCode(connection), 1008);
  connection = WsConnection(-1);
  EXPECT_NE(problem().find("code 1008: bad secret [secret]"), std::string::npos) << problem();
}

TEST_F(Link, AnswersACloseWithItsCode) {
  auto connection = connected();
  connection.write(wsClose(4001, "go away"));
  EXPECT_EQ(closeCode(connection), 4001);
  EXPECT_NE(problem().find("code 4001: go away"), std::string::npos) << problem();
}

TEST_F(Link, StaysAwayFiveSecondsWhenThePanelRestarts) {
  auto connection = connected();
  connection.write(wsClose(1012));
  EXPECT_EQ(closeCode(connection), 1012);
  EXPECT_FALSE(peer_.next(milliseconds(2500)));  // two seconds otherwise
}

TEST_F(Link, ComesBackWithinTwoSecondsAfterTheEndOfTheStreamInsideAFrame) {
  {
    auto connection = connected();
    connection.read();
    connection.write(wsFrame(kText, "whole").substr(0, 4));
  }
  EXPECT_TRUE(peer_.next(milliseconds(2500)));
}

TEST_F(Link, DropsAPanelThatStopsInTheMiddleOfAFrame) {
  LinkSettings impatient = settings();
  impatient.timing.frame_gap = milliseconds(200);
  start(impatient);
  auto connection = accepted();
  connection.read();
  connection.write(wsFrame(kText, std::string(300, 'x')).substr(0, 2));
  EXPECT_TRUE(connection.ended(seconds(2)));
  EXPECT_NE(problem().find("middle of a frame"), std::string::npos) << problem();
}

TEST_F(Link, DropsAPanelThatTakesForEverOverOneFrame) {
  LinkSettings impatient = settings();
  impatient.timing.dead_after = milliseconds(400);
  start(impatient);
  auto connection = accepted();
  connection.read();
  connection.write(wsFrame(kText, std::string(60'000, 'x')).substr(0, 10));
  const auto began = Clock::now();
  while (!connection.ended(milliseconds(50)) && Clock::now() - began < seconds(8))
    connection.write("x");
  EXPECT_LT(Clock::now() - began, seconds(3));
}

// ---- Being alive ----

TEST_F(Link, PingsASilentPanelAndDropsItWhenItStaysSilent) {
  LinkSettings impatient = settings();
  impatient.timing.ping_after = milliseconds(100);
  impatient.timing.dead_after = milliseconds(400);
  start(impatient);
  auto connection = accepted();
  EXPECT_EQ(connection.read()->payload, "hello");
  EXPECT_EQ(connection.read()->first_byte, kPing);
  EXPECT_TRUE(connection.ended(seconds(3)));
  EXPECT_NE(problem().find("nothing came from the panel"), std::string::npos) << problem();
}

TEST_F(Link, KeepsAPanelThatOnlyAnswersPings) {
  LinkSettings impatient = settings();
  impatient.timing.ping_after = milliseconds(50);
  impatient.timing.dead_after = milliseconds(1000);
  start(impatient);
  auto connection = accepted();
  EXPECT_EQ(connection.read()->payload, "hello");
  for (int pings = 0; pings < 30; ++pings) {
    const auto ping = connection.read();
    ASSERT_TRUE(ping);
    ASSERT_EQ(ping->first_byte, kPing);
    connection.write(wsFrame(test_support::kPong, ping->payload));
  }
  EXPECT_TRUE(link_->status().connected);
}

TEST_F(Link, SendsHeartbeats) {
  LinkSettings lively = settings();
  lively.heartbeat_interval = milliseconds(50);
  start(lively);
  auto connection = accepted();
  for (const char* expected : {"hello", "beat", "beat"})
    EXPECT_EQ(connection.read()->payload, expected);
}

TEST_F(Link, SendsWhatWaitedWhileItWasNotConnected) {
  PanelLink& link = start(settings());
  { auto first = accepted(); }
  problem();
  link.send("later", Delivery::kState);
  auto second = accepted();
  EXPECT_EQ(second.readText(), "later");
  EXPECT_EQ(link.status().connections, 2u);
}

TEST_F(Link, DropsAPanelThatNeverReadsAndKeepsItsMemory) {
  WsPeer narrow(4096);
  LinkSettings impatient = settings();
  impatient.url = narrow.url();
  impatient.timing.frame_gap = milliseconds(300);
  PanelLink& link = start(impatient);
  auto connection = narrow.next();
  connection->accept();
  const std::string line(16 * 1024, 'x');
  for (int index = 0; index < 2000; ++index) link.send(line, Delivery::kStream);
  link.send("the result", Delivery::kResult);
  problem();
  const LinkStatus status = link.status();
  EXPECT_GT(status.messages_dropped, 1000u);
  EXPECT_LE(status.queued_bytes, 4u * 1024 * 1024 + line.size());
  auto again = narrow.next();
  ASSERT_TRUE(again);
  again->accept();
}

// ---- Stopping ----

TEST_F(Link, SendsWhatIsQueuedAndSaysGoodbyeWhenItStops) {
  auto connection = connected();
  connection.read();
  std::thread stopper([this] {
    link_->send("last words", Delivery::kState);
    link_->stop();
  });
  EXPECT_EQ(connection.readText(), "last words");
  const auto close = connection.read();
  ASSERT_TRUE(close);
  EXPECT_EQ(close->closeCode(), 1001);
  connection = WsConnection(-1);
  stopper.join();
}

TEST_F(Link, StopsInTimeWhenThePanelDoesNotRead) {
  WsPeer narrow(4096);
  LinkSettings towards = settings();
  towards.url = narrow.url();
  PanelLink& link = start(towards);
  auto connection = narrow.next();
  connection->accept();
  for (int index = 0; index < 200; ++index)
    link.send(std::string(64 * 1024, 'x'), Delivery::kResult);
  const auto began = Clock::now();
  link.stop();
  EXPECT_LT(Clock::now() - began, milliseconds(2500));
}

TEST_F(Link, StopsWhileItWaitsForTheNextAttempt) {
  PanelLink& link = start(settings());
  peer_.next()->refuse("401 Unauthorized");
  problem();
  const auto began = Clock::now();
  link.stop();
  EXPECT_LT(Clock::now() - began, milliseconds(500));
}

TEST_F(Link, TakesMessagesFromManyThreads) {
  auto connection = connected();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([this] {
      for (int index = 0; index < 100; ++index) link_->send("m", Delivery::kState);
    });
  for (std::thread& thread : threads) thread.join();
  for (int index = 0; index < 400; ++index) ASSERT_EQ(connection.readText(), "m") << index;
}

}  // namespace
}  // namespace agent

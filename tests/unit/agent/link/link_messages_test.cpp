#include "agent/panel/link.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "unit/agent/link/link_on_peer.h"

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

}  // namespace
}  // namespace agent

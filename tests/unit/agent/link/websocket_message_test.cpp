#include "agent/panel/websocket_message.h"

#include <gtest/gtest.h>

#include "agent/utf8.h"

namespace agent {
namespace {

using Kind = FrameEvent::Kind;

constexpr int kText = 0x81, kTextStart = 0x01, kMiddle = 0x00, kEnd = 0x80;
constexpr int kBinaryStart = 0x02, kClose = 0x88, kPing = 0x89, kPong = 0x8A;

class AMessageReader : public testing::Test {
 protected:
  FrameEvent feed(int first_byte, std::string_view payload) {
    return reader_.accept(first_byte, payload);
  }
  MessageReader reader_{16};
};

void expectViolation(const FrameEvent& event, int code) {
  EXPECT_EQ(event.kind, Kind::kViolation);
  EXPECT_EQ(event.code, code) << event.text;
}

TEST_F(AMessageReader, GivesAWholeTextFrame) {
  const FrameEvent event = feed(kText, "hello");
  EXPECT_EQ(event.kind, Kind::kMessage);
  EXPECT_EQ(event.text, "hello");
}

TEST_F(AMessageReader, PutsFragmentsTogetherAroundControlFrames) {
  EXPECT_EQ(feed(kTextStart, "he").kind, Kind::kNothing);
  const FrameEvent ping = feed(kPing, "p");
  EXPECT_EQ(ping.kind, Kind::kPing);
  EXPECT_EQ(ping.text, "p");
  EXPECT_EQ(feed(kMiddle, "ll").kind, Kind::kNothing);
  EXPECT_EQ(feed(kPong, "").kind, Kind::kNothing);
  const FrameEvent event = feed(kEnd, "o");
  EXPECT_EQ(event.kind, Kind::kMessage);
  EXPECT_EQ(event.text, "hello");
}

TEST_F(AMessageReader, JoinsACharacterThatIsSplitBetweenFragments) {
  feed(kTextStart, "\xC3");
  EXPECT_EQ(feed(kEnd, "\xA4").text, "\xC3\xA4");
}

TEST_F(AMessageReader, AcceptsExactlyTheLargestMessage) {
  EXPECT_EQ(feed(kText, std::string(16, 'x')).kind, Kind::kMessage);
}

TEST_F(AMessageReader, ReportsATooLargeMessageOnceAndForgetsItsRest) {
  feed(kTextStart, std::string(10, 'x'));
  const FrameEvent event = feed(kMiddle, std::string(10, 'x'));
  EXPECT_EQ(event.kind, Kind::kProblem);
  EXPECT_EQ(event.problem, FrameProblem::kTooLarge);
  EXPECT_EQ(feed(kMiddle, std::string(10, 'x')).kind, Kind::kNothing);
  EXPECT_EQ(feed(kEnd, "x").kind, Kind::kNothing);
  EXPECT_EQ(feed(kText, "next").text, "next");
}

TEST_F(AMessageReader, GoesOnAfterASingleFrameThatIsTooLarge) {
  EXPECT_EQ(feed(kText, std::string(17, 'x')).problem, FrameProblem::kTooLarge);
  EXPECT_EQ(feed(kText, "next").text, "next");
}

TEST_F(AMessageReader, ReportsABinaryMessageOnceAtItsEnd) {
  EXPECT_EQ(feed(kBinaryStart, std::string(100, 'x')).kind, Kind::kNothing);
  const FrameEvent event = feed(kEnd, "x");
  EXPECT_EQ(event.kind, Kind::kProblem);
  EXPECT_EQ(event.problem, FrameProblem::kBinary);
  EXPECT_EQ(feed(kText, "next").text, "next");
}

TEST_F(AMessageReader, ReportsTextThatIsNotUtf8) {
  const FrameEvent event = feed(kText, "a\xFFz");
  EXPECT_EQ(event.kind, Kind::kProblem);
  EXPECT_EQ(event.problem, FrameProblem::kInvalidUtf8);
}

TEST_F(AMessageReader, AcceptsAnEmptyMessage) { EXPECT_EQ(feed(kText, "").kind, Kind::kMessage); }

TEST_F(AMessageReader, RefusesReservedBits) { expectViolation(feed(0xC1, "x"), 1002); }
TEST_F(AMessageReader, RefusesUnknownDataOpcodes) { expectViolation(feed(0x83, "x"), 1002); }
TEST_F(AMessageReader, RefusesUnknownControlOpcodes) { expectViolation(feed(0x8B, "x"), 1002); }
TEST_F(AMessageReader, RefusesAContinuationOfNothing) { expectViolation(feed(kEnd, "x"), 1002); }
TEST_F(AMessageReader, RefusesFragmentedControlFrames) { expectViolation(feed(0x09, "x"), 1002); }

TEST_F(AMessageReader, RefusesAMessageInsideAnother) {
  feed(kTextStart, "a");
  expectViolation(feed(kText, "b"), 1002);
}

TEST_F(AMessageReader, RefusesLongControlFrames) {
  EXPECT_EQ(feed(kPing, std::string(125, 'x')).kind, Kind::kPing);
  expectViolation(feed(kPing, std::string(126, 'x')), 1002);
}

TEST_F(AMessageReader, ReadsCodeAndReasonOfAClose) {
  const FrameEvent event = feed(kClose, closePayload(1012, "restart"));
  EXPECT_EQ(event.kind, Kind::kClose);
  EXPECT_EQ(event.code, 1012);
  EXPECT_EQ(event.text, "restart");
}

TEST_F(AMessageReader, KnowsACloseWithoutCode) { EXPECT_EQ(feed(kClose, "").code, 1005); }
TEST_F(AMessageReader, RefusesHalfACloseCode) { expectViolation(feed(kClose, "\x03"), 1002); }

TEST_F(AMessageReader, RefusesCloseCodesThatMustNotBeSent) {
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000})
    expectViolation(feed(kClose, closePayload(code, "")), 1002);
}

TEST_F(AMessageReader, RefusesACloseReasonThatIsNotUtf8) {
  expectViolation(feed(kClose, closePayload(1000, "\xFF")), 1007);
}

TEST(Utf8, AcceptsTheFirstAndLastOfEachLength) {
  for (const char* text : {"\x01", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                           "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(isUtf8(text)) << text;
}

TEST(Utf8, RefusesWhatRfc3629Refuses) {
  for (const char* text :
       {"\x80", "\xC0\xAF", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xC3z"})
    EXPECT_FALSE(isUtf8(text)) << testing::PrintToString(text);
}

}  // namespace
}  // namespace agent

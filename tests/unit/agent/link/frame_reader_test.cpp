#include "agent/panel/frame_reader.h"

#include <gtest/gtest.h>

#include "agent/panel/frame_writer.h"
#include "support/ws_peer.h"

namespace agent {
namespace {

using Kind = FrameEvent::Kind;
using test_support::kBinary;
using test_support::kEnd;
using test_support::kMiddle;
using test_support::kPing;
using test_support::kPong;
using test_support::kText;
using test_support::kTextStart;
using test_support::wsClose;
using test_support::wsFrame;

constexpr int kBinaryStart = 0x02;

MessageRules smallRules() {
  return {.largest_message = 16, .largest_skipped = 400, .most_fragments = 8};
}
MessageRules strictRules() {
  MessageRules rules = smallRules();
  rules.binary = true;
  rules.skip_bad_messages = false;
  return rules;
}

std::vector<FrameEvent> eventsOf(FrameReader& reader, std::string_view bytes) {
  std::vector<FrameEvent> events;
  while (auto event = reader.next(bytes)) events.push_back(*std::move(event));
  EXPECT_TRUE(bytes.empty());
  return events;
}

class AFrameReader : public testing::Test {
 protected:
  /// The one event that comes of the bytes.
  static FrameEvent only(FrameReader& reader, std::string_view bytes) {
    auto events = eventsOf(reader, bytes);
    EXPECT_EQ(events.size(), 1u);
    return events.size() == 1 ? events.front() : FrameEvent{.text = "(not one event)"};
  }
  FrameEvent only(std::string_view bytes) { return only(reader_, bytes); }
  bool nothing(std::string_view bytes) { return eventsOf(reader_, bytes).empty(); }

  FrameReader reader_{smallRules()};
  FrameReader strict_{strictRules()};
};

void expectViolation(const FrameEvent& event, int code) {
  EXPECT_EQ(event.kind, Kind::kViolation) << event.text;
  EXPECT_EQ(event.code, code) << event.text;
}

TEST_F(AFrameReader, GivesAWholeTextFrame) {
  const FrameEvent event = only(wsFrame(kText, "hello"));
  EXPECT_EQ(event.kind, Kind::kMessage);
  EXPECT_EQ(event.text, "hello");
  EXPECT_FALSE(event.binary);
}

TEST_F(AFrameReader, GivesTheSameHoweverTheBytesArrive) {
  const std::string bytes = wsFrame(kTextStart, "he") + wsFrame(kPing, "p") +
                            wsFrame(kMiddle, "ll") + wsFrame(kPong, "") + wsFrame(kEnd, "o") +
                            wsFrame(kText, std::string(16, 'x')) + wsClose(1000, "bye");
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    FrameReader reader(smallRules());
    std::vector<FrameEvent> events;
    for (std::size_t at = 0; at < bytes.size(); at += step)
      for (FrameEvent& event : eventsOf(reader, std::string_view(bytes).substr(at, step)))
        events.push_back(std::move(event));
    ASSERT_EQ(events.size(), 4u) << step;
    EXPECT_EQ(events[0].kind, Kind::kPing);
    EXPECT_EQ(events[0].text, "p");
    EXPECT_EQ(events[1].text, "hello");
    EXPECT_EQ(events[2].text, std::string(16, 'x'));
    EXPECT_EQ(events[3].kind, Kind::kClose);
    EXPECT_EQ(events[3].text, "bye");
  }
}

TEST_F(AFrameReader, KnowsWhetherItIsInsideAFrame) {
  EXPECT_FALSE(reader_.insideFrame());
  const std::string frame = wsFrame(kTextStart, "he");
  for (std::size_t size = 1; size < frame.size(); ++size) {
    FrameReader reader;
    EXPECT_TRUE(eventsOf(reader, std::string_view(frame).substr(0, size)).empty());
    EXPECT_TRUE(reader.insideFrame()) << size;
  }
  EXPECT_TRUE(nothing(frame));
  EXPECT_FALSE(reader_.insideFrame());
}

TEST_F(AFrameReader, JoinsACharacterThatIsSplitBetweenFragments) {
  EXPECT_TRUE(nothing(wsFrame(kTextStart, "\xC3")));
  EXPECT_EQ(only(wsFrame(kEnd, "\xA4")).text, "\xC3\xA4");
}

TEST_F(AFrameReader, AcceptsExactlyTheLargestMessage) {
  EXPECT_EQ(only(wsFrame(kText, std::string(16, 'x'))).kind, Kind::kMessage);
}

TEST_F(AFrameReader, ReportsATooLargeMessageOnceAndForgetsItsRest) {
  EXPECT_TRUE(nothing(wsFrame(kTextStart, std::string(10, 'x'))));
  const FrameEvent event = only(wsFrame(kMiddle, std::string(10, 'x')));
  EXPECT_EQ(event.kind, Kind::kProblem);
  EXPECT_EQ(event.problem, FrameProblem::kTooLarge);
  EXPECT_TRUE(nothing(wsFrame(kMiddle, std::string(10, 'x')) + wsFrame(kEnd, "x")));
  EXPECT_EQ(only(wsFrame(kText, "next")).text, "next");
}

TEST_F(AFrameReader, ReportsATooLargeFrameBeforeItsPayloadComes) {
  const std::string frame = wsFrame(kText, std::string(300, 'x'));
  EXPECT_EQ(only(std::string_view(frame).substr(0, 4)).problem, FrameProblem::kTooLarge);
  EXPECT_TRUE(nothing(std::string_view(frame).substr(4)));
  EXPECT_EQ(only(wsFrame(kText, "next")).text, "next");
}

TEST_F(AFrameReader, EndsWhenAMessageIsTooLargeToBeSkipped) {
  expectViolation(eventsOf(reader_, wsFrame(kText, std::string(401, 'x'))).front(), 1009);
  FrameReader pieces(smallRules());
  eventsOf(pieces, wsFrame(kTextStart, std::string(300, 'x')));
  expectViolation(only(pieces, wsFrame(kMiddle, std::string(101, 'x'))), 1009);
}

TEST_F(AFrameReader, EndsAtOnceWhenFourGibibytesAreAnnounced) {
  expectViolation(only(std::string("\x81\x7F\0\0\0\1\0\0\0\0", 10)), 1009);
}

TEST_F(AFrameReader, CountsTheFragmentsOfAMessage) {
  eventsOf(reader_, wsFrame(kTextStart, ""));
  for (int count = 0; count < 6; ++count) EXPECT_TRUE(nothing(wsFrame(kMiddle, "")));
  EXPECT_EQ(only(wsFrame(kEnd, "x")).text, "x");
  eventsOf(reader_, wsFrame(kTextStart, ""));
  for (int count = 0; count < 7; ++count) EXPECT_TRUE(nothing(wsFrame(kMiddle, "")));
  expectViolation(only(wsFrame(kEnd, "x")), 1008);
}

TEST_F(AFrameReader, ReportsABinaryMessageOnce) {
  const FrameEvent event = only(wsFrame(kBinaryStart, std::string(100, 'x')));
  EXPECT_EQ(event.kind, Kind::kProblem);
  EXPECT_EQ(event.problem, FrameProblem::kBinary);
  EXPECT_TRUE(nothing(wsFrame(kEnd, "x")));
  EXPECT_EQ(only(wsFrame(kBinary, "")).problem, FrameProblem::kBinary);
  EXPECT_EQ(only(wsFrame(kText, "next")).text, "next");
}

TEST_F(AFrameReader, GivesBinaryMessagesWhenTheRulesAllowThem) {
  const FrameEvent event = only(strict_, wsFrame(kBinary, "\xFF\xFE"));
  EXPECT_TRUE(event.binary);
  EXPECT_EQ(event.text, "\xFF\xFE");
}

TEST_F(AFrameReader, ReportsTextThatIsNotUtf8) {
  const FrameEvent event = only(wsFrame(kText, "a\xFFz"));
  EXPECT_EQ(event.kind, Kind::kProblem);
  EXPECT_EQ(event.problem, FrameProblem::kInvalidUtf8);
  EXPECT_EQ(only(wsFrame(kText, "\xC3")).problem, FrameProblem::kInvalidUtf8);
  EXPECT_EQ(only(wsFrame(kText, "next")).text, "next");
}

TEST_F(AFrameReader, ReportsBadTextAtItsFirstWrongByte) {
  const std::string frame = wsFrame(kTextStart, "a\xF4\x90zzzz");
  EXPECT_TRUE(nothing(std::string_view(frame).substr(0, 4)));
  EXPECT_EQ(only(std::string_view(frame).substr(4, 1)).problem, FrameProblem::kInvalidUtf8);
  EXPECT_TRUE(nothing(std::string_view(frame).substr(5)));
}

TEST_F(AFrameReader, EndsForBadMessagesWhenTheRulesAreStrict) {
  expectViolation(only(strict_, wsFrame(kText, "\xFF")), 1007);
  FrameReader large(strictRules());
  expectViolation(only(large, wsFrame(kText, std::string(17, 'x'))), 1009);
  MessageRules text_only = strictRules();
  text_only.binary = false;
  FrameReader binary(text_only);
  expectViolation(only(binary, wsFrame(kBinary, "x")), 1003);
}

TEST_F(AFrameReader, IgnoresWhatComesAfterAClose) {
  eventsOf(reader_, wsClose(1000));
  EXPECT_TRUE(nothing(wsFrame(kText, "late") + "\xFF\xFF\xFF"));
}

TEST_F(AFrameReader, AcceptsAnEmptyMessage) {
  EXPECT_EQ(only(wsFrame(kText, "")).kind, Kind::kMessage);
}

TEST_F(AFrameReader, RefusesEveryReservedBit) {
  for (const int bits : {0x10, 0x20, 0x40, 0x70}) {
    FrameReader reader;
    expectViolation(only(reader, wsFrame(kText | bits, "x")), 1002);
  }
}

TEST_F(AFrameReader, RefusesEveryReservedOpcode) {
  for (const int opcode : {3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF}) {
    FrameReader reader;
    expectViolation(only(reader, wsFrame(0x80 | opcode, "x")), 1002);
  }
}

TEST_F(AFrameReader, RefusesAContinuationOfNothing) {
  expectViolation(only(wsFrame(kEnd, "x")), 1002);
}
TEST_F(AFrameReader, RefusesAContinuationOfAMessageThatEnded) {
  only(wsFrame(kText, "x"));
  expectViolation(only(wsFrame(kMiddle, "x")), 1002);
}

TEST_F(AFrameReader, RefusesFragmentedControlFrames) {
  for (const int first : {0x08, 0x09, 0x0A}) {
    FrameReader reader;
    expectViolation(only(reader, wsFrame(first, "x")), 1002);
  }
}

TEST_F(AFrameReader, RefusesAMessageInsideAnother) {
  EXPECT_TRUE(nothing(wsFrame(kTextStart, "a")));
  expectViolation(only(wsFrame(kText, "b")), 1002);
}

TEST_F(AFrameReader, RefusesMaskedFrames) {
  std::string frame;
  FrameWriter([] { return Mask{1, 2, 3, 4}; }).append(frame, Opcode::kText, "x");
  expectViolation(only(frame), 1002);
}

TEST_F(AFrameReader, RefusesLongControlFrames) {
  EXPECT_EQ(only(wsFrame(kPing, std::string(125, 'x'))).kind, Kind::kPing);
  expectViolation(only(wsFrame(kPing, std::string(126, 'x'))), 1002);
}

TEST_F(AFrameReader, RefusesLengthsInMoreBytesThanTheyNeed) {
  for (const std::string& head :
       {std::string("\x81\x7E\0\x7D", 4), std::string("\x81\x7F\0\0\0\0\0\0\xFF\xFF", 10)}) {
    FrameReader reader;
    expectViolation(only(reader, head), 1002);
  }
}

TEST_F(AFrameReader, RefusesALengthWithItsHighestBitSet) {
  expectViolation(only(std::string("\x81\x7F\x80\0\0\0\0\0\0\0", 10)), 1002);
}

TEST_F(AFrameReader, ReadsCodeAndReasonOfAClose) {
  const FrameEvent event = only(wsClose(1012, "restart"));
  EXPECT_EQ(event.kind, Kind::kClose);
  EXPECT_EQ(event.code, 1012);
  EXPECT_EQ(event.text, "restart");
}

TEST_F(AFrameReader, KnowsACloseWithoutCode) { EXPECT_EQ(only(wsFrame(0x88, "")).code, 1005); }
TEST_F(AFrameReader, RefusesHalfACloseCode) { expectViolation(only(wsFrame(0x88, "\x03")), 1002); }

TEST_F(AFrameReader, KnowsWhichCloseCodesMayBeSent) {
  for (int code = 0; code < 65536; ++code) {
    const bool fine = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                      (code >= 3000 && code <= 4999);
    FrameReader reader;
    const FrameEvent event = only(reader, wsClose(code));
    ASSERT_EQ(event.kind, fine ? Kind::kClose : Kind::kViolation) << code;
    ASSERT_EQ(event.code, fine ? code : 1002);
  }
}

TEST_F(AFrameReader, RefusesACloseReasonThatIsNotUtf8) {
  expectViolation(only(wsClose(1000, "\xFF")), 1007);
}

// ---- UTF-8 ----

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

TEST(Utf8, IsTheSameInPiecesAndAsAWhole) {
  const std::string text = "ASCII, then \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80 and ASCII again";
  for (std::size_t at = 0; at <= text.size(); ++at) {
    Utf8Checker checker;
    EXPECT_TRUE(checker.accept(std::string_view(text).substr(0, at)));
    EXPECT_TRUE(checker.accept(std::string_view(text).substr(at)));
    EXPECT_TRUE(checker.complete()) << at;
  }
}

TEST(Utf8, AgreesWithTheSequencesOneByOneForEveryThreeBytes) {
  for (int first = 0x80; first < 0x100; ++first)
    for (int second = 0; second < 0x100; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second), '\x80', 'a'};
      std::string_view rest = text;
      while (!rest.empty()) {
        const std::size_t length = utf8SequenceLength(rest);
        if (length == 0) break;
        rest.remove_prefix(length);
      }
      ASSERT_EQ(isUtf8(text), rest.empty()) << first << ' ' << second;
    }
}

TEST(Utf8, StaysBadOnceItIs) {
  Utf8Checker checker;
  EXPECT_FALSE(checker.accept("\xFF"));
  EXPECT_FALSE(checker.accept("fine"));
  EXPECT_FALSE(checker.complete());
}

}  // namespace
}  // namespace agent

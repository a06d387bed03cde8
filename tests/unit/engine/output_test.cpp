#include "engine/output.h"

#include <gtest/gtest.h>

#include "engine/reply.h"

namespace control::engine {
namespace {

TEST(EngineTime, ReadsNanosecondsAndZones) {
  EXPECT_EQ(parseTime("1970-01-01T00:00:01.000000002Z")->time_since_epoch().count(), 1'000'000'002);
  EXPECT_EQ(parseTime("2026-01-01T02:00:00+02:00"), parseTime("2026-01-01T00:00:00Z"));
  EXPECT_EQ(parseTime("2026-01-01T00:00:00.5Z"), parseTime("2026-01-01T00:00:00.500000000Z"));
}

TEST(EngineTime, HasNoTimeForNeverAndForNonsense) {
  for (const char* text :
       {"0001-01-01T00:00:00Z", "", "2026-13-01T00:00:00Z", "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T25:00:00Z"})
    EXPECT_FALSE(parseTime(text)) << text;
}

TEST(EngineTime, IsAskedForInSecondsWithNineDecimals) {
  EXPECT_EQ(unixTime(WallTime(std::chrono::nanoseconds(1'000'000'002))), "1.000000002");
}

TEST(EngineOutput, CutsTimesOffFramesHoweverTheyArrive) {
  const std::string line = "2026-01-01T00:00:00.000000001Z hello world\n";
  std::string bytes{1, 0, 0, 0, 0, 0, 0, static_cast<char>(line.size())};
  bytes += line;
  for (const std::size_t size : {std::size_t{1}, std::size_t{5}, bytes.size()}) {
    OutputDecoder decoder({.timestamps = true});
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      decoder.feed(std::string_view(bytes).substr(at, size));
      for (auto item = decoder.next(); item && *item; item = decoder.next()) {
        text += (*item)->bytes;
        EXPECT_EQ((*item)->at, parseTime("2026-01-01T00:00:00.000000001Z"));
      }
    }
    EXPECT_EQ(text, "hello world\n");
    EXPECT_TRUE(decoder.mayEnd());
  }
}

std::string frame(int source, const std::string& text) {
  std::string bytes{static_cast<char>(source), 0, 0, 0, 0, 0, 0, 0};
  bytes[6] = static_cast<char>(text.size() >> 8);
  bytes[7] = static_cast<char>(text.size());
  return bytes + text;
}

TEST(EngineOutput, PutsBackTheEndOfASplitLineThatTheEngineForgot) {
  const std::string first = "2026-01-01T00:00:00.000000001Z ";
  const std::string second = "2026-01-01T00:00:00.000000002Z ";
  const std::string full(16, 'x');
  const auto decoded = [&](const std::string& bytes) {
    OutputDecoder decoder({.timestamps = true, .split_bytes = 16});
    decoder.feed(bytes);
    std::string text;
    for (auto item = decoder.next(); item && *item; item = decoder.next())
      text += ((*item)->at == parseTime(first.substr(0, first.size() - 1)) ? "1" : "2") +
              (*item)->bytes;
    return text;
  };
  EXPECT_EQ(decoded(frame(1, first + full) + frame(1, first + "rest") + frame(1, second + "a\n")),
            "1" + full + "1rest1\n2a\n");
  EXPECT_EQ(decoded(frame(1, first + full) + frame(1, first) + frame(1, second + "a\n")),
            "1" + full + "1\n2a\n");
  // Where nothing was forgotten, and where no line was split.
  EXPECT_EQ(decoded(frame(1, first + full) + frame(1, first + "\n") + frame(1, second + "a\n")),
            "1" + full + "1\n2a\n");
  EXPECT_EQ(decoded(frame(1, first + "prompt") + frame(1, second + "a\n")), "1prompt2a\n");
  // Of another source.
  EXPECT_EQ(decoded(frame(1, first + full) + frame(2, second + "e\n") + frame(1, first + "z\n")),
            "1" + full + "2e\n1z\n");
}

TEST(EngineOutput, HandsATerminalsBytesOnAsTheyAre) {
  OutputDecoder decoder({.tty = true, .framed = false});
  decoder.feed(std::string_view("\x01\0\0\0raw", 7));
  const auto item = decoder.next();
  ASSERT_TRUE(item && *item);
  EXPECT_EQ((*item)->source, OutputSource::kConsole);
  EXPECT_EQ((*item)->bytes, std::string("\x01\0\0\0raw", 7));
}

TEST(EngineOutput, HandsOnWhatCameBeforeBytesThatAreNoFrame) {
  OutputDecoder decoder({});
  decoder.feed(std::string("\1\0\0\0\0\0\0\4last", 12) + "not a frame");
  const auto item = decoder.next();
  ASSERT_TRUE(item && *item);
  EXPECT_EQ((*item)->bytes, "last");
  EXPECT_FALSE(decoder.next());
}

TEST(EngineOutput, CallsFramesOfATerminalItsConsole) {
  OutputDecoder decoder({.tty = true});
  decoder.feed(std::string("\2\0\0\0\0\0\0\3raw", 11));
  const auto item = decoder.next();
  ASSERT_TRUE(item && *item);
  EXPECT_EQ((*item)->source, OutputSource::kConsole);
  EXPECT_EQ((*item)->bytes, "raw");
}

}  // namespace
}  // namespace control::engine

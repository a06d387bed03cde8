#include <gtest/gtest.h>

#include "engine/framing.h"

namespace control::engine {
namespace {

std::string frame(char source, std::string_view bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  std::string out{source, 0, 0, 0};
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>((size >> shift) & 0xFF);
  return out.append(bytes);
}

TEST(LineSplitter, JoinsLinesFromPieces) {
  LineSplitter lines;
  lines.feed("on");
  EXPECT_FALSE(*lines.next());
  lines.feed("e\r\n\n\ntwo\nthr");
  EXPECT_EQ(**lines.next(), "one");
  EXPECT_EQ(**lines.next(), "two");
  EXPECT_FALSE(*lines.next());
  EXPECT_EQ(lines.rest(), "thr");
}

TEST(LineSplitter, RefusesALineThatHasNoEnd) {
  LineSplitter lines(100);
  lines.feed(std::string(101, 'x'));
  const auto line = lines.next();
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().code, ErrorCode::kInternal);
}

TEST(LineSplitter, RefusesALineThatIsTooLongAndComesWithItsEnd) {
  LineSplitter lines(100);
  lines.feed(std::string(101, 'x') + "\nshort\n");
  EXPECT_FALSE(lines.next());
}

TEST(FrameSplitter, ComesToTheSameHoweverTheBytesArrive) {
  const std::string text =
      frame(1, "hello") + frame(2, "") + frame(2, "problem") + frame(1, std::string(3000, 'x'));
  for (const std::size_t size : {std::size_t{1}, std::size_t{3}, std::size_t{8}, text.size()}) {
    FrameSplitter frames;
    std::string out;
    std::string err;
    for (std::size_t at = 0; at < text.size(); at += size) {
      frames.feed(std::string_view(text).substr(at, size));
      for (auto piece = frames.next(); piece && *piece; piece = frames.next())
        ((*piece)->source == 1 ? out : err) += (*piece)->bytes;
    }
    EXPECT_EQ(out, "hello" + std::string(3000, 'x'));
    EXPECT_EQ(err, "problem");
    EXPECT_TRUE(frames.atBoundary());
  }
}

TEST(FrameSplitter, KnowsWhenAFrameIsNotComplete) {
  FrameSplitter frames;
  frames.feed(frame(1, "hello").substr(0, 10));
  ASSERT_TRUE(*frames.next());
  EXPECT_FALSE(*frames.next());
  EXPECT_FALSE(frames.atBoundary());
}

TEST(FrameSplitter, RefusesWhatIsNoFrame) {
  FrameSplitter frames;
  frames.feed("plain text");
  const auto piece = frames.next();
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace control::engine

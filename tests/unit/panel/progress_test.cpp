#include "examples/panel/progress.h"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace panel {
namespace {

using ::testing::EndsWith;

Progress transfer(std::int64_t bytes, std::int64_t total) {
  return {.what = "put", .bytes = bytes, .total = total};
}

Progress backup(std::int64_t bytes) {
  return {.what = "backup of web", .bytes = bytes, .entries = "2"};
}

TEST(DrawBar, ShowsTenthsPercentEntriesAndSizes) {
  EXPECT_EQ(drawBar(transfer(1 << 20, 4 << 20)), "[##........]  25 %  put: 1.0 MiB of 4.0 MiB");
  EXPECT_EQ(drawBar({.what = "restore of web", .bytes = 10, .percentage = 99.9, .entries = "1"}),
            "[#########.]  99 %  restore of web: 1 entry, 10 bytes");
  EXPECT_EQ(drawBar({.what = "pull of game", .percentage = 100}),
            "[##########] 100 %  pull of game");
}

TEST(DrawBar, DoesWithoutAShareThatIsNotKnown) {
  EXPECT_EQ(drawBar(backup(2048)), "[..........]   ? %  backup of web: 2 entries, 2.0 KiB");
}

TEST(DrawBar, KeepsWithinItsBounds) {
  EXPECT_EQ(drawBar(transfer(9, 3)), "[##########] 100 %  put: 9 bytes of 3 bytes");
  EXPECT_EQ(drawBar({.what = "x", .percentage = 1e9}), "[##########] 100 %  x");
}

class BarsOnPaper : public ::testing::Test {
 protected:
  std::string shown() { return out_.str(); }
  long lines() {
    const std::string all = shown();
    return std::count(all.begin(), all.end(), '\n');
  }

  std::ostringstream out_;
  Screen screen_{out_};
  ProgressBars bars_{screen_};
};

TEST_F(BarsOnPaper, AreALineForEachTenthAtMost) {
  for (int done = 0; done < 1000; ++done) bars_.show("a", transfer(done, 1000));
  EXPECT_EQ(lines(), 9);
  bars_.show("a", transfer(1000, 1000));
  EXPECT_EQ(lines(), 9);
  bars_.finish("a", transfer(1000, 1000));
  EXPECT_EQ(lines(), 10);
  EXPECT_THAT(shown(), EndsWith("[##########] 100 %  put: 1000 bytes of 1000 bytes\n"));
}

TEST_F(BarsOnPaper, AreSaidOnceWhenTheShareFalls) {
  bars_.show("a", transfer(50, 100));
  bars_.show("a", transfer(50, 200));
  bars_.show("a", transfer(100, 200));
  EXPECT_EQ(lines(), 1);
}

TEST_F(BarsOnPaper, AreALineForTwiceTheBytesWhenTheSumIsNotKnown) {
  for (std::int64_t mebibytes = 0; mebibytes <= 64; ++mebibytes)
    bars_.show("a", backup(mebibytes << 20));
  EXPECT_EQ(lines(), 7);
}

TEST_F(BarsOnPaper, HaveTheirOwnTenthsEach) {
  bars_.show("a", transfer(50, 100));
  bars_.show("b", transfer(50, 100));
  EXPECT_EQ(lines(), 2);
}

TEST_F(BarsOnPaper, EndFullWithWhatWasShownLast) {
  bars_.show("a", transfer(50, 100));
  bars_.finish("a");
  EXPECT_THAT(shown(), EndsWith("100 %  put: 100 bytes of 100 bytes\n"));
  bars_.finish("never shown");
  EXPECT_EQ(lines(), 2);
}

TEST_F(BarsOnPaper, AreNotShownOnceTheyAreOver) {
  bars_.finish("a", transfer(100, 100));
  bars_.drop("b");
  bars_.show("a", transfer(50, 100));
  bars_.show("b", transfer(50, 100));
  EXPECT_EQ(lines(), 1);
}

class BarsOnATerminal : public ::testing::Test {
 protected:
  /// What was written since the last call.
  std::string written() {
    std::string all = out_.str();
    out_.str("");
    return all;
  }

  std::ostringstream out_;
  Screen screen_{out_, 40};
  ProgressBars bars_{screen_};
};

TEST_F(BarsOnATerminal, AreDrawnAnewInPlace) {
  bars_.show("a", transfer(1, 100));
  EXPECT_EQ(written(), "[..........]   1 %  put: 1 bytes of 100");
  bars_.show("a", transfer(2, 100));
  EXPECT_EQ(written(), "\r\033[K[..........]   2 %  put: 2 bytes of 100");
}

TEST_F(BarsOnATerminal, StayBelowOtherLinesAndLeaveTheFullOneBehind) {
  bars_.show("a", {.what = "x", .percentage = 50});
  written();
  screen_.line("hello");
  EXPECT_EQ(written(), "\r\033[Khello\n[#####.....]  50 %  x");
  bars_.finish("a");
  EXPECT_EQ(written(), "\r\033[K[##########] 100 %  x\n");
  screen_.line("after");
  EXPECT_EQ(written(), "after\n");
}

TEST_F(BarsOnATerminal, AreTakenAwayWhenTheOperationFails) {
  bars_.show("a", {.what = "x", .percentage = 50});
  bars_.show("b", {.what = "y", .percentage = 50});
  written();
  bars_.drop("a");
  EXPECT_EQ(written(), "");
  bars_.drop("b");
  EXPECT_EQ(written(), "\r\033[K");
}

TEST_F(BarsOnATerminal, StandAboveThePromptAndLeaveWhatIsTyped) {
  screen_.prompt("panel> ");
  written();
  bars_.show("a", {.what = "x", .percentage = 50});
  EXPECT_EQ(written(), "\r\033[K[#####.....]  50 %  x\npanel> ");
  bars_.show("a", {.what = "x", .percentage = 60});
  EXPECT_EQ(written(), "\0337\033[A\r\033[K[######....]  60 %  x\0338");
  screen_.line("hello");
  EXPECT_EQ(written(), "\r\033[K\033[A\r\033[Khello\n[######....]  60 %  x\npanel> ");
  screen_.prompt("");  // a line was entered
  EXPECT_EQ(written(), "[######....]  60 %  x");
  screen_.prompt("panel> ");
  EXPECT_EQ(written(), "\r\033[K[######....]  60 %  x\npanel> ");
  bars_.finish("a");
  EXPECT_EQ(written(), "\r\033[K\033[A\r\033[Kpanel> \r\033[K[##########] 100 %  x\npanel> ");
}

}  // namespace
}  // namespace panel

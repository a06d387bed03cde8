#include "supervise/console_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LineAssemblerTest : public ::testing::Test {
 protected:
  /// The lines that `bytes` complete, "+" behind those that are cut.
  std::vector<std::string> feed(std::string bytes, OutputSource source = OutputSource::kStdout) {
    std::vector<std::string> lines;
    assembler_.feed({.source = source, .bytes = std::move(bytes)}, into(lines));
    return lines;
  }
  std::vector<std::string> terminal(std::string bytes) {
    return feed(std::move(bytes), OutputSource::kConsole);
  }
  std::vector<std::string> flush() {
    std::vector<std::string> lines;
    assembler_.flush(into(lines));
    return lines;
  }
  static LineAssembler::Sink into(std::vector<std::string>& lines) {
    return [&lines](const LineAssembler::Line& line) {
      lines.push_back(std::string(line.text) + (line.cut ? "+" : ""));
    };
  }

  LineAssembler assembler_;
};

TEST_F(LineAssemblerTest, JoinsPiecesUpToTheEndOfTheLine) {
  EXPECT_THAT(feed("on"), IsEmpty());
  EXPECT_THAT(feed("e\ntwo\n\nthr"), ElementsAre("one", "two", ""));
  EXPECT_THAT(feed("ee\n"), ElementsAre("three"));
}

TEST_F(LineAssemblerTest, KeepsStdoutAndStderrApart) {
  EXPECT_THAT(feed("out "), IsEmpty());
  EXPECT_THAT(feed("err\n", OutputSource::kStderr), ElementsAre("err"));
  EXPECT_THAT(feed("put\n"), ElementsAre("out put"));
}

TEST_F(LineAssemblerTest, GivesWhatHasNotEndedWhenTheRunHas) {
  feed("bye");
  feed("oops", OutputSource::kStderr);
  EXPECT_THAT(flush(), ElementsAre("bye", "oops"));
  EXPECT_THAT(flush(), IsEmpty());
}

TEST_F(LineAssemblerTest, EndsOfLinesOfATerminalAreNoText) {
  EXPECT_THAT(terminal("one\r\ntwo\r\r\n"), ElementsAre("one", "two"));
  EXPECT_THAT(terminal("three\r"), IsEmpty());
  EXPECT_THAT(terminal("\nfour\r\n"), ElementsAre("three", "four"));
}

TEST_F(LineAssemblerTest, WhatATerminalWritesOverIsGone) {
  EXPECT_THAT(terminal("10%\r20%\r30%\r\n"), ElementsAre("30%"));
  EXPECT_THAT(terminal("> \r"), IsEmpty());
  EXPECT_THAT(terminal("\x1b[K[12:00] hello\r\n"), ElementsAre("\x1b[K[12:00] hello"));
  // A progress without end takes no room.
  for (int i = 0; i < 10'000; ++i) EXPECT_THAT(terminal("\r" + std::to_string(i)), IsEmpty());
  EXPECT_THAT(terminal("\r\n"), ElementsAre("9999"));
}

TEST_F(LineAssemblerTest, APipeIsNoTerminal) { EXPECT_THAT(feed("a\rb\r\n"), ElementsAre("a\rb")); }

TEST_F(LineAssemblerTest, ReplacesWhatIsNoUtf8) {
  EXPECT_THAT(feed("a\xFFz\n"), ElementsAre("a\xEF\xBF\xBDz"));
  EXPECT_THAT(feed("\xC3\n"), ElementsAre("\xEF\xBF\xBD"));
  // A surrogate, an overlong form, beyond the last character.
  EXPECT_THAT(feed("\xED\xA0\x80\n"), ElementsAre("\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"));
  EXPECT_THAT(feed("\xC0\xAF\n"), ElementsAre("\xEF\xBF\xBD\xEF\xBF\xBD"));
  EXPECT_THAT(feed("\xF4\x90\x80\x80|\n"),
              ElementsAre("\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD|"));
  const std::string valid = "\x01 caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 end";
  EXPECT_THAT(feed(valid + "\n"), ElementsAre(valid));
}

TEST_F(LineAssemblerTest, JoinsACharacterThatCameInTwoPieces) {
  feed("caf\xC3");
  EXPECT_THAT(feed("\xA9\n"), ElementsAre("caf\xC3\xA9"));
}

TEST_F(LineAssemblerTest, CutsLongLinesAndLosesNothing) {
  const std::string text(2 * LineAssembler::kLongestLine + 5, 'x');
  const std::string part(LineAssembler::kLongestLine, 'x');
  EXPECT_THAT(feed(text + "\nnext\n"), ElementsAre(part + "+", part + "+", "xxxxx", "next"));
  // One that is exactly as long as it may be is whole, at a terminal too.
  EXPECT_THAT(feed(part + "\n"), ElementsAre(part));
  EXPECT_THAT(terminal(part + "\r\n"), ElementsAre(part));
}

TEST_F(LineAssemblerTest, CutsBetweenCharacters) {
  std::string text(LineAssembler::kLongestLine - 1, 'x');
  const std::vector<std::string> lines = feed(text + "\xE2\x82\xAC!\n");
  EXPECT_THAT(lines, ElementsAre(text + "+", "\xE2\x82\xAC!"));
}

TEST_F(LineAssemblerTest, CutsBinaryOutputWithoutEnd) {
  std::size_t bytes = 0;
  for (int i = 0; i < 100; ++i)
    for (const std::string& line : feed(std::string(1000, '\x80'))) bytes += line.size() - 1;
  EXPECT_EQ(bytes, 6 * LineAssembler::kLongestLine * 3);
}

}  // namespace
}  // namespace control

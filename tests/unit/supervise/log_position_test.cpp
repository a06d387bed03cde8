#include "supervise/log_position.h"

#include <gtest/gtest.h>

#include <string>

namespace control {
namespace {

using namespace std::chrono_literals;
using Verdict = LogPosition::Verdict;

Output at(int nanoseconds, std::string bytes, OutputSource source = OutputSource::kStdout) {
  return {.source = source, .bytes = std::move(bytes), .at = WallTime(1h + 1ns * nanoseconds)};
}
Output error(int nanoseconds, std::string bytes) {
  return at(nanoseconds, std::move(bytes), OutputSource::kStderr);
}

/// "text" when all or the end of it is new, "!text" when something was lost before it, "" when it
/// was seen.
std::string taken(LogPosition& position, Output output) {
  switch (position.take(output)) {
    case Verdict::kNew:
      return output.bytes;
    case Verdict::kNewLost:
      return "!" + output.bytes;
    case Verdict::kSeen:
      return "";
  }
  return "?";
}

TEST(LogPosition, BeginsAtTheBeginning) {
  LogPosition position;
  EXPECT_FALSE(position.since());
  position.resume();
  EXPECT_FALSE(position.resuming());
  EXPECT_EQ(taken(position, at(1, "a\n")), "a\n");
}

TEST(LogPosition, GoesOnBehindWhatCame) {
  LogPosition position;
  taken(position, at(1, "a\n"));
  taken(position, at(2, "b\n"));
  EXPECT_EQ(position.since(), at(2, "").at);
  position.resume();
  EXPECT_EQ(taken(position, at(2, "b\n")), "");
  EXPECT_EQ(taken(position, at(3, "c\n")), "c\n");
}

TEST(LogPosition, TellsLinesOfOneStampApart) {
  LogPosition position;
  taken(position, at(1, "a\n"));
  taken(position, at(1, "b\n"));
  position.resume();
  EXPECT_EQ(taken(position, at(1, "a\n")), "");
  EXPECT_TRUE(position.resuming());
  EXPECT_EQ(taken(position, at(1, "b\n")), "");
  EXPECT_FALSE(position.resuming());
  EXPECT_EQ(taken(position, at(1, "b\n")), "b\n");
}

TEST(LogPosition, TakesTheRestOfAPieceThatCameInPart) {
  LogPosition position;
  taken(position, at(1, "abc"));
  position.resume();
  EXPECT_EQ(taken(position, at(1, "ab")), "");
  EXPECT_EQ(taken(position, at(1, "cdef\n")), "def\n");
}

TEST(LogPosition, KeepsStdoutAndStderrEachInOrder) {
  // The engine stamped "err" first and wrote it behind "out".
  LogPosition position;
  taken(position, at(5, "out\n"));
  position.resume();
  EXPECT_EQ(taken(position, at(5, "out\n")), "");
  EXPECT_EQ(taken(position, error(4, "err\n")), "err\n");
  EXPECT_EQ(position.since(), error(4, "").at);
  position.resume();
  EXPECT_EQ(taken(position, at(5, "out\n")), "");
  EXPECT_EQ(taken(position, error(4, "err\n")), "");
  EXPECT_EQ(taken(position, error(5, "more\n")), "more\n");
}

TEST(LogPosition, DoesNotReadALongTimeAgainForASilentStderr) {
  LogPosition position;
  taken(position, error(0, "hello\n"));
  Output late = at(0, "late\n");
  late.at = *late.at + 1h;
  position.take(late);
  EXPECT_EQ(position.since(), *late.at - 2s);
  position.resume();
  EXPECT_EQ(taken(position, {.bytes = "late\n", .at = late.at}), "");
  Output later{.source = OutputSource::kStderr, .bytes = "later\n", .at = *late.at + 1s};
  // "hello" was not asked for again, so that nobody can tell that it is still there.
  EXPECT_NE(position.take(later), Verdict::kSeen);
}

TEST(LogPosition, SaysWhenTheLogNoLongerHasWhatCameLast) {
  LogPosition position;
  taken(position, at(1, "a\n"));
  position.resume();
  EXPECT_EQ(taken(position, at(9, "z\n")), "!z\n");
  EXPECT_EQ(taken(position, at(10, "y\n")), "y\n");
}

TEST(LogPosition, SaysWhenAStampHasOtherBytes) {
  LogPosition position;
  taken(position, at(1, "aaaa\n"));
  position.resume();
  EXPECT_EQ(taken(position, at(1, "bbbb\ncc\n")), "!cc\n");
}

TEST(LogPosition, OfOutputWithoutStampsAllIsNew) {
  LogPosition position;
  EXPECT_EQ(taken(position, {.bytes = "a\n"}), "a\n");
  EXPECT_FALSE(position.since());
}

}  // namespace
}  // namespace control

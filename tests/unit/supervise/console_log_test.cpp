#include "supervise/console_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::SizeIs;

const ContainerId kContainer{"abc"};

RunId runAt(int hour) { return {.container = kContainer, .started_at = WallTime(1h * hour)}; }

Output line(int nanoseconds, const std::string& text) {
  return {.bytes = text + "\n", .at = WallTime(1h + 1ns * nanoseconds)};
}

ConsolePage pageOf(const ConsoleLog& log, const ConsoleQuery& query = {.lines = 1'000'000}) {
  ConsolePage page;
  log.read(query, page);
  return page;
}

/// "number:run:text" each.
std::vector<std::string> linesOf(const ConsoleLog& log,
                                 const ConsoleQuery& query = {.lines = 1'000'000}) {
  std::vector<std::string> lines;
  for (const ConsoleLine& one : pageOf(log, query).lines)
    lines.push_back(std::to_string(one.number) + ':' + std::to_string(one.run) + ':' +
                    (one.source == OutputSource::kGap ? "GAP" : one.text));
  return lines;
}

TEST(ConsoleLog, NumbersLinesThroughRunsAndContainers) {
  ConsoleLog log(64 * 1024);
  log.open(kContainer, runAt(1));
  log.accept(line(1, "one"));
  log.accept({.bytes = "cut short", .at = WallTime(2h)});
  log.open(kContainer, runAt(2));
  log.accept({.bytes = "cut short", .at = WallTime(2h)});  // read again
  log.accept({.bytes = "two\n", .at = WallTime(3h)});
  log.open({"def"}, RunId{.container = {"def"}, .started_at = WallTime(4h)});
  log.accept(line(1, "three"));
  EXPECT_THAT(linesOf(log), ElementsAre("1:1:one", "2:1:cut short", "3:2:two", "4:3:three"));
}

TEST(ConsoleLog, TellsTheRestOfARunFromTheNextOne) {
  ConsoleLog log(64 * 1024);
  log.open(kContainer, runAt(1));
  log.accept(line(1, "one"));
  // It was started again before all was read.
  log.open(kContainer, runAt(3));
  log.accept(line(1, "one"));
  log.accept({.bytes = "two\n", .at = WallTime(2h)});
  // The start is noted a little late.
  log.accept({.bytes = "three\n", .at = WallTime(3h - 10ms)});
  EXPECT_THAT(linesOf(log), ElementsAre("1:1:one", "2:1:two", "3:2:three"));
  log.endRun();
  log.open(kContainer, runAt(4));
  log.accept({.bytes = "three\n", .at = WallTime(3h - 10ms)});
  log.accept({.bytes = "four\n", .at = WallTime(4h - 1s)});
  EXPECT_EQ(linesOf(log).back(), "4:3:four");
  // An engine that notes the start late, and the end of the run before at once.
  log.open(kContainer, runAt(6), WallTime(5h));
  log.accept({.bytes = "four\n", .at = WallTime(4h - 1s)});
  log.accept({.bytes = "five\n", .at = WallTime(5h - 1ns)});
  log.accept({.bytes = "six\n", .at = WallTime(5h + 10ms)});
  EXPECT_EQ(linesOf(log)[4], "5:3:five");
  EXPECT_EQ(linesOf(log)[5], "6:4:six");
}

/// The rest of one run was being read when the next began, before anybody told of it.
TEST(ConsoleLog, OutputAfterTheEndOfARunIsOfTheNextOne) {
  ConsoleLog log(64 * 1024);
  log.open(kContainer, runAt(1));
  log.accept(line(1, "one"));
  log.endRun();
  log.open({"def"}, std::nullopt);
  const RunId second{.container = {"def"}, .started_at = WallTime(4h)};
  log.accept({.bytes = "two\n", .at = WallTime(4h)});
  log.open({"def"}, second, WallTime(4h));
  log.accept({.bytes = "two\n", .at = WallTime(4h)});  // read again
  log.accept({.bytes = "three\n", .at = WallTime(5h)});
  EXPECT_THAT(linesOf(log), ElementsAre("1:1:one", "2:2:two", "3:2:three"));
  // Two that nobody told of: the one told of now is the later one.
  log.endRun();
  log.accept({.bytes = "four\n", .at = WallTime(6h)});
  log.expectRun({.container = {"def"}, .started_at = WallTime(8h)}, WallTime(7h));
  log.accept({.bytes = "five\n", .at = WallTime(8h)});
  EXPECT_THAT(linesOf(log), ElementsAre("1:1:one", "2:2:two", "3:2:three", "4:3:four", "5:4:five"));
}

TEST(ConsoleLog, GoesOnInTheSameRunAfterALoss) {
  ConsoleLog log(64 * 1024);
  log.open(kContainer, runAt(1));
  log.accept(line(1, "one"));
  log.accept({.bytes = "tw", .at = WallTime(2h)});
  EXPECT_EQ(log.request(kContainer, true).since, WallTime(2h));
  log.open(kContainer, runAt(1));
  log.accept({.bytes = "two\n", .at = WallTime(2h)});
  EXPECT_THAT(linesOf(log), ElementsAre("1:1:one", "2:1:two"));
}

TEST(ConsoleLog, AsksForAllOfANewContainerAndForTheEndOfOneThatWasThere) {
  ConsoleLog found(64 * 1024);
  EXPECT_TRUE(found.request(kContainer, true).tail_lines);
  ConsoleLog made(64 * 1024);
  made.expectNew();
  EXPECT_FALSE(made.request(kContainer, true).tail_lines);
  found.open(kContainer, runAt(1));
  EXPECT_FALSE(found.request({"def"}, true).tail_lines);
}

TEST(ConsoleLog, TellsWhereOutputWasLost) {
  ConsoleLog log(64 * 1024);
  log.open(kContainer, runAt(1));
  log.accept(line(1, "one"));
  log.accept({.source = OutputSource::kGap});
  log.accept(line(5, "five"));
  log.open(kContainer, runAt(1));
  log.accept(line(9, "nine"));
  EXPECT_THAT(linesOf(log), ElementsAre("1:1:one", "2:1:GAP", "3:1:five", "4:1:GAP", "5:1:nine"));
}

TEST(ConsoleLog, IsTheSameAfterARestart) {
  ConsoleLog before(64 * 1024);
  before.open(kContainer, runAt(1));
  before.accept(line(1, "one"));
  before.accept({.source = OutputSource::kStderr, .bytes = "part", .at = WallTime(2h)});
  ConsoleLog after(64 * 1024);
  ASSERT_TRUE(after.load(before.save()));
  EXPECT_EQ(after.last(), 1U);
  after.open(kContainer, runAt(1));
  after.accept(line(1, "one"));
  after.accept({.source = OutputSource::kStderr, .bytes = "part of it\n", .at = WallTime(2h)});
  EXPECT_THAT(linesOf(after), ElementsAre("1:1:one", "2:1:part of it"));
}

TEST(ConsoleLog, GivesTheSameNumbersAgainAfterACrash) {
  ConsoleLog before(64 * 1024);
  before.open(kContainer, runAt(1));
  before.accept(line(1, "one"));
  const std::string saved = before.save();
  before.accept(line(2, "two"));
  ConsoleLog after(64 * 1024);
  ASSERT_TRUE(after.load(saved));
  after.open(kContainer, runAt(1));
  for (int i = 1; i <= 3; ++i) after.accept(line(i, i == 1 ? "one" : i == 2 ? "two" : "three"));
  EXPECT_THAT(linesOf(after), ElementsAre("1:1:one", "2:1:two", "3:1:three"));
}

TEST(ConsoleLog, NeverGivesANumberAgainWhenLinesWereLostInACrash) {
  ConsoleLog before(64 * 1024);
  before.open(kContainer, runAt(1));
  before.accept(line(1, "one"));
  const std::string saved = before.save();
  for (int i = 2; i < 100; ++i) before.accept(line(i, "lost"));
  ConsoleLog after(64 * 1024);
  ASSERT_TRUE(after.load(saved));
  after.open(kContainer, runAt(1));
  after.accept(line(200, "now"));
  const ConsolePage page = pageOf(after);
  ASSERT_THAT(page.lines, SizeIs(3));
  EXPECT_EQ(page.lines[1].source, OutputSource::kGap);
  EXPECT_GT(page.lines[1].number, 1'000'000U);
  EXPECT_EQ(page.lines[2].number, page.lines[1].number + 1);
}

TEST(ConsoleLog, RefusesFilesThatAreNotItsOwn) {
  ConsoleLog log(64 * 1024);
  log.open(kContainer, runAt(1));
  log.accept(line(1, "one"));
  const std::string saved = log.save();
  ConsoleLog other(64 * 1024);
  EXPECT_FALSE(other.load(""));
  EXPECT_FALSE(other.load("libcontrol console 1\n"));
  for (std::size_t i = 0; i < saved.size(); ++i) {
    std::string damaged = saved;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    EXPECT_FALSE(other.load(damaged)) << "byte " << i;
    EXPECT_FALSE(other.load(saved.substr(0, i))) << "first " << i;
  }
  EXPECT_EQ(other.last(), 0U);
  EXPECT_TRUE(other.load(saved));
}

TEST(ConsoleLog, LinesBetweenTwoNumbersAreCountedUnlessNobodyKnows) {
  EXPECT_EQ(linesBetween(0, 1), 0U);
  EXPECT_EQ(linesBetween(3, 9), 5U);
  EXPECT_EQ(linesBetween(9, 3), 0U);
  ConsoleLog before(64 * 1024);
  before.open(kContainer, runAt(1));
  before.accept(line(1, "saved"));
  ConsoleLog after(64 * 1024);
  ASSERT_TRUE(after.load(before.save()));
  after.open({"another"}, runAt(2));
  EXPECT_EQ(linesBetween(1, after.last()), std::nullopt);
}

TEST(ConsoleLog, KeepsSoManyBytesAndTheEndOfTheRunBefore) {
  ConsoleLog log(64 * 1024);
  log.open(kContainer, runAt(1));
  for (int i = 0; i < 5000; ++i) log.accept(line(i, "of the first run"));
  log.accept(line(5000, "crashed: here is why"));
  log.open(kContainer, runAt(2));
  log.accept(line(5000, "crashed: here is why"));
  for (int i = 5001; i < 100'000; ++i)
    log.accept({.bytes = "of the second run\n", .at = WallTime(2h + 1ns * i)});
  const ConsolePage page = pageOf(log);
  std::size_t bytes = 0;
  std::size_t first_run = 0;
  std::uint64_t number = 0;
  for (const ConsoleLine& one : page.lines) {
    bytes += one.text.size() + 24;
    first_run += one.run == 1 ? 1 : 0;
    EXPECT_GT(one.number, number);
    number = one.number;
  }
  EXPECT_LE(bytes, 64U * 1024);
  EXPECT_GT(bytes, 48U * 1024);
  EXPECT_GT(first_run, 100U);
  EXPECT_EQ(page.lines[first_run - 1].text, "crashed: here is why");
  EXPECT_EQ(page.last, 5001U + 94'999U);
  EXPECT_LT(log.save().size(), 66U * 1024);
}

TEST(ConsoleLog, ManyShortRunsTakeNoMoreRoom) {
  ConsoleLog log(16 * 1024);
  for (int i = 1; i < 5000; ++i) {
    log.open(kContainer, runAt(i));
    log.accept({.bytes = "short\n", .at = WallTime(1h * i)});
  }
  const ConsolePage page = pageOf(log);
  EXPECT_EQ(page.lines.back().run, 4999U);
  EXPECT_LE(page.lines.size() * (24 + 5), 16U * 1024);
}

TEST(ConsoleLog, GivesWhatIsAskedFor) {
  ConsoleLog log(64 * 1024);
  log.open(kContainer, runAt(1));
  for (int i = 1; i <= 9; ++i) log.accept(line(i, std::to_string(i)));
  EXPECT_THAT(linesOf(log, {.lines = 2}), ElementsAre("8:1:8", "9:1:9"));
  EXPECT_THAT(linesOf(log, {.after = 3, .lines = 2, .newest = false}),
              ElementsAre("4:1:4", "5:1:5"));
  EXPECT_THAT(linesOf(log, {.after = 8}), ElementsAre("9:1:9"));
  EXPECT_THAT(linesOf(log, {.after = 9}), ElementsAre());
  EXPECT_THAT(linesOf(log, {.after = 5, .text_bytes = 2, .newest = false}),
              ElementsAre("6:1:6", "7:1:7"));
  EXPECT_THAT(linesOf(log, {.lines = 0, .text_bytes = 0}), ElementsAre("9:1:9"));
  const ConsolePage page = pageOf(log, {.after = 3, .lines = 2, .newest = false});
  EXPECT_EQ(page.left_out, 4U);
  EXPECT_EQ(page.first, 1U);
  EXPECT_EQ(page.last, 9U);
}

}  // namespace
}  // namespace control

#include <gmock/gmock.h>

#include <fstream>

#include "console_on_mock.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using test::ConsoleTest;
using testing::Primitive;

TEST_F(ConsoleTest, LosesNothingWithTheEngine) {
  const ContainerId id = run("a");
  for (int round = 0; round < 5; ++round) {
    printNumbers(id, round * 20 + 1, round * 20 + 5);
    if (round % 2 == 0) {
      ASSERT_TRUE(showsNumbers("a", round * 20 + 3));
    }
    engine_.control().engineDown(true);
    printNumbers(id, round * 20 + 6, round * 20 + 20);
    engine_.control().engineDown(false);
  }
  expectNumbers("a", 100);
}

TEST_F(ConsoleTest, LosesNothingOverConnectionsThatBreak) {
  ASSERT_TRUE(engine_.control().inject(
      {.when = {.primitive = Primitive::kLogs}, .then = {.truncate_stream = {{.bytes = 100}}}}));
  const ContainerId id = run("a");
  for (int i = 0; i < 20; ++i) {
    engine_.clock().advance(1ms);
    printNumbers(id, i * 10 + 1, i * 10 + 10);
    ASSERT_TRUE(showsNumbers("a", i * 10 + 1));
  }
  expectNumbers("a", 200);
}

class CoarseConsoleTest : public ConsoleTest {
 protected:
  CoarseConsoleTest() : ConsoleTest({{"profile", "podman-4"}}) {}
};

/// An engine that stamps lines with whole seconds.
TEST_F(CoarseConsoleTest, LosesNothingWithinOneStamp) {
  const ContainerId id = run("a");
  for (int round = 0; round < 5; ++round) {
    printNumbers(id, round * 20 + 1, round * 20 + 10);
    ASSERT_TRUE(showsNumbers("a", round * 20 + 10));
    engine_.control().engineDown(true);
    printNumbers(id, round * 20 + 11, round * 20 + 20);
    engine_.control().engineDown(false);
  }
  expectNumbers("a", 100);
}

TEST_F(ConsoleTest, IsTheSameAfterARestart) {
  const ContainerId id = run("a");
  printNumbers(id, 1, 10);
  ASSERT_TRUE(showsNumbers("a", 10));
  supervisor_.reset();
  printNumbers(id, 11, 20);
  restart();
  expectNumbers("a", 20);
  EXPECT_EQ(page("a").lines.back().run, 1U);
}

TEST_F(ConsoleTest, ShowsTheEndOfARunThatEndedMeanwhile) {
  const ContainerId id = run("a");
  printNumbers(id, 1, 10);
  ASSERT_TRUE(showsNumbers("a", 10));
  supervisor_.reset();
  printNumbers(id, 11, 20);
  ASSERT_TRUE(engine_.control().crash(id, 1));
  restart();
  expectNumbers("a", 20);
}

TEST_F(ConsoleTest, ADamagedFileCostsHistoryAlone) {
  const ContainerId id = run("a");
  printNumbers(id, 1, 10);
  ASSERT_TRUE(showsNumbers("a", 10));
  supervisor_.reset();
  std::ofstream(directory_.path() + "/consoles/a.console", std::ios::trunc) << "not a console";
  restart();
  printNumbers(id, 11, 20);
  expectNumbers("a", 20);
}

/// With more room than the mock engine's log has, which is a MiB.
class LargeConsoleTest : public ConsoleTest {
 protected:
  LargeConsoleTest() {
    console_bytes_ = 8 * 1024 * 1024;
    restart();
  }
  void printMuch(const ContainerId& id) {
    const std::string line = std::string(1000, 'x') + "\n";
    for (int i = 0; i < 2000; ++i) print(id, line);
  }
};

TEST_F(LargeConsoleTest, TellsWhatTheEngineNoLongerHasAfterALoss) {
  const ContainerId id = run("a");
  print(id, "before\n");
  ASSERT_TRUE(eventually([&] { return page("a").last == 1; }));
  engine_.control().engineDown(true);
  engine_.clock().advance(1ms);
  printMuch(id);
  print(id, "after\n");
  engine_.control().engineDown(false);
  ASSERT_TRUE(eventually([&] { return lines("a").back() == "after"; }));
  EXPECT_EQ(lines("a")[0], "before");
  EXPECT_EQ(lines("a")[1], "GAP");
  EXPECT_EQ(page("a").lines[1].number, 2U);
}

TEST_F(LargeConsoleTest, TellsAGapOfTheEngine) {
  ASSERT_TRUE(engine_.control().inject(
      {.when = {.primitive = Primitive::kLogs, .nth = 1}, .then = {.latency = 500ms}}));
  const ContainerId id = run("a");
  printMuch(id);
  ASSERT_TRUE(eventually([&] { return page("a").last > 100; }));
  EXPECT_EQ(lines("a")[0], "GAP");
}

}  // namespace
}  // namespace control

#include <gmock/gmock.h>

#include "console_on_mock.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using test::ConsoleTest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Primitive;

TEST_F(ConsoleTest, ShowsWhatIsWrittenAndSaysSo) {
  const ContainerId id = run("a");
  print(id, "hello\nwor");
  print(id, "ld\n");
  ASSERT_TRUE(eventually([&] { return page("a").last == 2; }));
  EXPECT_THAT(lines("a"), ElementsAre("hello", "world"));
  EXPECT_TRUE(eventually([&] { return observer_.told("a") > 0; }));
  EXPECT_TRUE(page("a").lines[0].at);
  EXPECT_EQ(page("a").lines[0].source, OutputSource::kStdout);
  EXPECT_EQ(supervisor_->console("b", {}).error().code, ErrorCode::kNotFound);
}

TEST_F(ConsoleTest, GoesOnThroughRuns) {
  const ContainerId id = run("a");
  for (int round = 0; round < 5; ++round) {
    printNumbers(id, round * 10 + 1, round * 10 + 10);
    ASSERT_TRUE(showsNumbers("a", round * 10 + 10));
    stop("a");
    engine_.clock().advance(150ms);
    start("a");
  }
  expectNumbers("a", 50);
  EXPECT_EQ(page("a").lines.back().run, 5U);
  EXPECT_EQ(page("a").lines.front().run, 1U);
}

TEST_F(ConsoleTest, GoesOnThroughRunsThatFollowAtOnce) {
  const ContainerId id = run("a");
  for (int round = 0; round < 5; ++round) {
    printNumbers(id, round * 10 + 1, round * 10 + 10);
    stop("a");
    start("a");
  }
  expectNumbers("a", 50);
}

TEST_F(ConsoleTest, KnowsTheRunThatBeganWhileTheRestOfTheLastWasAskedFor) {
  ASSERT_TRUE(engine_.control().inject(
      {.when = {.primitive = Primitive::kLogs, .nth = 2}, .then = {.latency = 1s}}));
  const ContainerId id = run("a");
  printNumbers(id, 1, 10);
  ASSERT_TRUE(showsNumbers("a", 10));
  stop("a");
  engine_.clock().advance(150ms);
  start("a");
  printNumbers(id, 11, 20);
  expectNumbers("a", 20);
  EXPECT_EQ(page("a").lines[9].run, 1U);
  EXPECT_EQ(page("a").lines[10].run, 2U);
}

TEST_F(ConsoleTest, GivesTheEndOfARunThatEndedWithoutALineEnd) {
  const ContainerId id = run("a");
  print(id, "one\ncut short");
  stop("a");
  ASSERT_TRUE(eventually([&] { return page("a").last == 2; }));
  EXPECT_THAT(lines("a"), ElementsAre("one", "cut short"));
}

TEST_F(ConsoleTest, GoesOnInAContainerThatReplacesIt) {
  const ContainerId id = run("a");
  printNumbers(id, 1, 10);
  stop("a");
  EntryUpdate update;
  update.respec = [](ContainerSpec spec) -> Result<ContainerSpec> {
    spec.environment.emplace_back("NEW", "1");
    return spec;
  };
  ASSERT_TRUE(supervisor_->update("a", update, "update"));
  start("a");
  const ContainerId other = *supervisor_->status("a")->container;
  ASSERT_NE(other, id);
  printNumbers(other, 11, 20);
  expectNumbers("a", 20);
  EXPECT_EQ(page("a").lines.back().run, 2U);
}

TEST_F(ConsoleTest, ReadsToTheEndBeforeTheContainerIsReplaced) {
  ASSERT_TRUE(engine_.control().inject(
      {.when = {.primitive = Primitive::kLogs, .nth = 1}, .then = {.latency = 1s}}));
  const ContainerId id = run("a");
  printNumbers(id, 1, 10);
  stop("a");
  EntryUpdate update;
  update.respec = [](const ContainerSpec& spec) -> Result<ContainerSpec> { return spec; };
  ASSERT_TRUE(supervisor_->update("a", update, "update"));
  ASSERT_TRUE(eventually([&] {
    const auto status = supervisor_->status("a");
    return status && status->container && *status->container != id;
  }));
  expectNumbers("a", 10);
}

TEST_F(ConsoleTest, ForgetsWithTheEntry) {
  const ContainerId id = run("a");
  printNumbers(id, 1, 10);
  ASSERT_TRUE(showsNumbers("a", 10));
  EXPECT_FALSE(std::filesystem::is_empty(directory_.path() + "/consoles"));
  ASSERT_TRUE(supervisor_->remove("a", "remove"));
  ASSERT_TRUE(eventually([&] { return stateOf("a") == EntryState::kDeleted; }));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path() + "/consoles"));
  const ContainerId other = run("a");
  printNumbers(other, 1, 3);
  expectNumbers("a", 3);
}

TEST_F(ConsoleTest, OneThatNeverEndsDoesNotHoldUpAnother) {
  const ContainerId loud = run("loud");
  const ContainerId quiet = run("quiet");
  std::atomic<bool> enough{false};
  std::thread flood([&] {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "a line like many others\n";
    while (!enough) (void)engine_.control().print(loud, text);
  });
  const auto soon = [](const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!holds() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
    return holds();
  };
  EXPECT_TRUE(soon([&] { return page("loud").last > 10'000; }));
  for (std::uint64_t i = 1; i <= 20; ++i) {
    print(quiet, "line\n");
    EXPECT_TRUE(soon([&] { return page("quiet").last >= i; }));
  }
  enough = true;
  flood.join();
  std::size_t bytes = 0;
  for (const ConsoleLine& one : page("loud").lines) bytes += one.text.size();
  EXPECT_LE(bytes, console_bytes_);
}

TEST_F(ConsoleTest, SaysThatOutputCannotBeRead) {
  engine_.control().failNext(
      Primitive::kLogs, {.code = ErrorCode::kUnsupported, .message = "this driver is not read"});
  const ContainerId id = run("a");
  ASSERT_TRUE(eventually([&] { return !page("a").problem.empty(); }));
  EXPECT_EQ(page("a").problem, "this driver is not read");
  // The next run is tried again.
  stop("a");
  start("a");
  print(id, "now\n");
  ASSERT_TRUE(eventually([&] { return page("a").last == 1; }));
  EXPECT_THAT(page("a").problem, IsEmpty());
}

TEST_F(ConsoleTest, LinesReachStdin) {
  run("a", {{"mock.echo_stdin", "true"}});
  ASSERT_TRUE(send("a", "say hello"));
  ASSERT_TRUE(send("a", "say world"));
  ASSERT_TRUE(eventually([&] { return page("a").last == 2; }));
  EXPECT_THAT(lines("a"), ElementsAre("say hello", "say world"));
  stop("a");
  start("a");
  ASSERT_TRUE(send("a", "again"));
  ASSERT_TRUE(eventually([&] { return page("a").last == 3; }));
}

TEST_F(ConsoleTest, LinesReachATerminal) {
  run("a", {{"mock.echo_stdin", "true"}}, true);
  ASSERT_TRUE(send("a", "say hello"));
  ASSERT_TRUE(eventually([&] { return page("a").last >= 1; }));
  EXPECT_EQ(page("a").lines.back().text, "say hello");
  EXPECT_EQ(page("a").lines.back().source, OutputSource::kConsole);
}

TEST_F(ConsoleTest, LinesAreForWhatRuns) {
  EXPECT_EQ(send("a", "x").error().code, ErrorCode::kNotFound);
  run("a");
  EXPECT_EQ(send("a", "x\nstop").error().code, ErrorCode::kInvalidArgument);
  stop("a");
  const auto refused = send("a", "x");
  EXPECT_EQ(refused.error().code, ErrorCode::kWrongState);
  EXPECT_THAT(refused.error().message, HasSubstr("stopped"));
}

class NoConsoleTest : public ConsoleTest {
 protected:
  NoConsoleTest() {
    console_bytes_ = 0;
    restart();
  }
};

TEST_F(NoConsoleTest, ReadsNothing) {
  const ContainerId id = run("a", {{"mock.echo_stdin", "true"}});
  print(id, "hello\n");
  ASSERT_TRUE(send("a", "input goes on"));
  for (const testing::JournalEntry& call : engine_.control().journal())
    EXPECT_NE(call.primitive, Primitive::kLogs);
  EXPECT_EQ(page("a").last, 0U);
}

}  // namespace
}  // namespace control

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <map>

#include <libcontrol/supervisor.h>
#include <libcontrol/testing/mock_engine.h>

#include "mock/mock_plugin.h"
#include "recording_observer.h"
#include "support/temp_dir.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MockEngine;
using testing::MockEngineOptions;
using testing::Primitive;

MockEngineOptions byHand(std::map<std::string, std::string> query = {}) {
  static const PluginDescriptor* const kLinked[] = {&mock::descriptor()};
  return {.time = MockEngineOptions::Time::kByHand,
          .query = std::move(query),
          .load = {.linked_plugins = kLinked}};
}

class ConsoleObserver : public test::RecordingObserver {
 public:
  void onConsole(const std::string& entry) override {
    const std::lock_guard lock(mutex_);
    ++told_[entry];
  }
  int told(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    return told_[entry];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> told_;
};

/// A supervisor on a virtual clock.
class ConsoleTest : public ::testing::Test {
 protected:
  explicit ConsoleTest(std::map<std::string, std::string> query = {})
      : engine_(byHand(std::move(query))) {
    restart();
  }
  ~ConsoleTest() override {
    supervisor_.reset();
    engine_.control().reset();
  }

  /// Ends the supervisor and opens a new one on the same engine, as a restarted daemon does.
  void restart() {
    supervisor_.reset();
    supervisor_ = std::make_unique<Supervisor>(
        engine_.runtime(),
        SupervisorOptions{.stats_interval = 0s,
                          .console_bytes = console_bytes_,
                          .console_directory = directory_.path() + "/consoles"},
        observer_);
    std::promise<void> open;
    std::thread opening([&] {
      supervisor_->open({});
      open.set_value();
    });
    auto opened = open.get_future();
    EXPECT_TRUE(eventually([&] { return opened.wait_for(0s) == std::future_status::ready; }));
    opening.join();
  }

  bool eventually(const std::function<bool()>& holds) {
    return engine_.clock().advanceUntil(holds, 10ms, 30s);
  }

  ContainerId run(const std::string& name, std::map<std::string, std::string> labels = {},
                  bool tty = false) {
    EntrySpec spec;
    spec.container.image = "example/game:1";
    spec.container.labels = std::move(labels);
    spec.container.tty = tty;
    spec.container.open_stdin = true;
    spec.start = true;
    EXPECT_TRUE(supervisor_->create(name, std::move(spec), "create"));
    EXPECT_TRUE(eventually([&] { return stateOf(name) == EntryState::kRunning; }));
    return *supervisor_->status(name)->container;
  }
  EntryState stateOf(const std::string& name) {
    const auto status = supervisor_->status(name);
    return status ? status->state : EntryState::kDeleted;
  }
  void stop(const std::string& name) {
    ASSERT_TRUE(supervisor_->kill(name, "stop"));
    ASSERT_TRUE(eventually([&] { return stateOf(name) == EntryState::kStopped; }));
  }
  void start(const std::string& name) {
    ASSERT_TRUE(supervisor_->start(name, "start"));
    ASSERT_TRUE(eventually([&] { return stateOf(name) == EntryState::kRunning; }));
  }

  void print(const ContainerId& id, const std::string& text) {
    const auto printed = engine_.control().print(id, text);
    ASSERT_TRUE(printed) << printed.error().message;
  }
  void printNumbers(const ContainerId& id, int first, int last) {
    for (int i = first; i <= last; ++i) print(id, std::to_string(i) + "\n");
  }

  ConsolePage page(const std::string& name,
                   const ConsoleQuery& query = {.lines = 1'000'000, .text_bytes = 1 << 24}) {
    const auto page = supervisor_->console(name, query);
    return page ? *page : ConsolePage{.problem = page.error().message};
  }
  std::vector<std::string> lines(const std::string& name) {
    std::vector<std::string> lines;
    for (const ConsoleLine& one : page(name).lines)
      lines.push_back(one.source == OutputSource::kGap ? "GAP" : one.text);
    return lines;
  }
  bool showsNumbers(const std::string& name, int last) {
    return eventually([&] { return page(name).last >= static_cast<std::uint64_t>(last); });
  }
  /// Whether the console holds 1 to `last`, each once and under its number.
  void expectNumbers(const std::string& name, int last) {
    EXPECT_TRUE(showsNumbers(name, last)) << page(name).last;
    const ConsolePage all = page(name);
    ASSERT_EQ(all.lines.size(), static_cast<std::size_t>(last));
    for (std::size_t i = 0; i < all.lines.size(); ++i) {
      EXPECT_EQ(all.lines[i].text, std::to_string(i + 1));
      EXPECT_EQ(all.lines[i].number, i + 1);
    }
  }
  /// Sends a line and returns what came of it.
  Result<void> send(const std::string& name, const std::string& line) {
    const auto written = std::make_shared<std::promise<Result<void>>>();
    auto result = written->get_future();
    if (auto accepted = supervisor_->sendLine(
            name, line, 5s, [written](const Result<void>& end) { written->set_value(end); });
        !accepted)
      return accepted;
    return result.get();
  }

  test_support::TempDir directory_;
  std::size_t console_bytes_ = 256 * 1024;
  MockEngine engine_;
  ConsoleObserver observer_;
  std::unique_ptr<Supervisor> supervisor_;
};

TEST_F(ConsoleTest, ShowsWhatIsWrittenAndSaysSo) {
  const ContainerId id = run("a");
  print(id, "hello\nwor");
  print(id, "ld\n");
  ASSERT_TRUE(eventually([&] { return page("a").last == 2; }));
  EXPECT_THAT(lines("a"), ElementsAre("hello", "world"));
  EXPECT_GT(observer_.told("a"), 0);
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

TEST_F(ConsoleTest, GivesTheEndOfARunThatEndedWithoutALineEnd) {
  const ContainerId id = run("a");
  print(id, "one\ncut short");
  stop("a");
  ASSERT_TRUE(eventually([&] { return page("a").last == 2; }));
  EXPECT_THAT(lines("a"), ElementsAre("one", "cut short"));
}

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

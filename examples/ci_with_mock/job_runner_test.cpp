#include "job_runner.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <libcontrol/testing/matchers.h>
#include <libcontrol/testing/mock_container_runtime.h>
#include <libcontrol/testing/mock_engine.h>

namespace nightly {
namespace {

using namespace std::chrono_literals;
using namespace control::testing;  // MockEngine, IsOk, valueOf, ...
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::InSequence;
using ::testing::Return;

using control::Effect;
using control::ErrorCode;
using control::RemoveOutcome;

/// A job runner on an engine that lives in this process and in a time of its own: whoever waits
/// lets the time jump to what comes next.
class JobRunnerTest : public ::testing::Test {
 protected:
  /// A job whose process behaves as the labels say.
  static Job jobThat(std::map<std::string, std::string> labels) {
    Job job;
    job.container.name = "backup";
    job.container.image = "example/backup:1";
    job.container.labels = std::move(labels);
    return job;
  }

  Outcome run(const Job& job) {
    JobRunner runner(*engine, [this](const std::string& line) { lines.push_back(line); });
    return runner.run(job);
  }

  /// What the engine was told to do to the process, and when.
  std::vector<std::string> signalsSent() const {
    std::vector<std::string> sent;
    for (const JournalEntry& call : engine.control().journal())
      if (call.primitive == Primitive::kSignal)
        sent.push_back(call.detail + " at " + inSeconds(call.at - start) + " s");
    return sent;
  }
  int timesAsked(Primitive primitive) const {
    int count = 0;
    for (const JournalEntry& call : engine.control().journal())
      count += call.primitive == primitive;
    return count;
  }

  /// Has something happen while the job runner waits.
  void after(control::Duration time, std::function<void()> happens) {
    engine.clock().schedule(engine.clock().now() + time, std::move(happens));
  }
  control::Duration elapsed() const { return engine.clock().now() - start; }
  static std::string inSeconds(control::Duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count());
  }

  MockEngine engine;
  const control::TimePoint start = engine.clock().now();
  std::vector<std::string> lines;
};

TEST_F(JobRunnerTest, WaitsForTheEndOfTheJob) {
  EXPECT_EQ(run(jobThat({{"mock.run_for", "20m"}})), Outcome::kDone);
  EXPECT_THAT(lines, ElementsAre("started", "done"));
  EXPECT_EQ(elapsed(), 20min);
}

// ---- A stop that needs escalation ----

TEST_F(JobRunnerTest, StopsAJobAtTheEndOfItsWindow) {
  EXPECT_EQ(run(jobThat({{"mock.run_for", "5h"}, {"mock.stop_delay", "2s"}})), Outcome::kOverran);
  EXPECT_THAT(lines, ElementsAre("started", "its window is over, stopping it", "it ended"));
  EXPECT_THAT(signalsSent(), ElementsAre("SIGTERM at 14400 s"));
}

TEST_F(JobRunnerTest, KillsAJobThatDoesNotHeedTheSignal) {
  EXPECT_EQ(run(jobThat({{"mock.ignore_signals", "TERM"}})), Outcome::kOverran);
  EXPECT_THAT(lines, ElementsAre("started", "its window is over, stopping it",
                                 "it did not heed SIGTERM and was killed"));
  // Four hours and half a minute, in a few milliseconds.
  EXPECT_THAT(signalsSent(), ElementsAre("SIGTERM at 14400 s", "SIGKILL at 14430 s"));
}

// ---- An engine outage ----

TEST_F(JobRunnerTest, FindsTheSameRunAgainAfterAnOutage) {
  after(10min, [this] { engine.control().engineDown(true); });
  after(18min, [this] { engine.control().engineDown(false); });
  EXPECT_EQ(run(jobThat({{"mock.run_for", "1h"}})), Outcome::kDone);
  EXPECT_THAT(lines, ElementsAre("started", "the engine is away", "the engine is back", "done"));
  EXPECT_EQ(timesAsked(Primitive::kStart), 1) << "the backup must not run twice";
  EXPECT_EQ(elapsed(), 1h);
}

TEST_F(JobRunnerTest, LearnsOfAnEndThatCameDuringAnOutage) {
  after(10min, [this] { engine.control().engineDown(true); });
  after(18min, [this] { engine.control().engineDown(false); });
  EXPECT_EQ(run(jobThat({{"mock.run_for", "15m"}})), Outcome::kDone);
  EXPECT_THAT(lines, ElementsAre("started", "the engine is away", "the engine is back", "done"));
}

TEST_F(JobRunnerTest, SaysWhenTheEngineStaysAway) {
  after(10min, [this] { engine.control().engineDown(true); });
  EXPECT_EQ(run(jobThat({{"mock.run_for", "1h"}})), Outcome::kLost);
  EXPECT_THAT(lines, ElementsAre("started", "the engine is away", ::testing::StartsWith("lost")));
  EXPECT_EQ(elapsed(), 25min);
}

// ---- A crash ----

TEST_F(JobRunnerTest, TriesAJobThatCrashesAgain) {
  after(5min, [this] { EXPECT_THAT(engine.control().crash({"backup"}, 3), IsOk()); });
  EXPECT_EQ(run(jobThat({{"mock.run_for", "1h"}})), Outcome::kDone);
  EXPECT_THAT(lines, ElementsAre("started", "failed: exit code 3", "started", "done"));
  EXPECT_EQ(elapsed(), 5min + 1min + 1h);
}

TEST_F(JobRunnerTest, GivesUpOnAJobThatCrashesEachTime) {
  EXPECT_EQ(run(jobThat({{"mock.crash_after", "10s"}})), Outcome::kFailed);
  EXPECT_THAT(lines, ElementsAre("started", "failed: exit code 1", "started", "failed: exit code 1",
                                 "started", "failed: exit code 1", "giving up after 3 attempts"));
}

TEST_F(JobRunnerTest, TellsALackOfMemoryFromACrash) {
  Job job = jobThat({{"mock.oom_after", "10s"}});
  job.attempts = 1;
  EXPECT_EQ(run(job), Outcome::kFailed);
  EXPECT_THAT(lines, ElementsAre("started", "failed: it ran out of memory", _));
}

// ---- What an engine answers once in a blue moon: gmock ----

TEST(JobRunnerErrors, RemovesWhatACreationOfUnknownEffectMayHaveLeft) {
  control::HostContext host;
  host.clock = std::make_shared<FakeClock>(true);  // pauses take no time
  MockContainerRuntime engine(host);
  Job job;
  job.container.name = "backup";
  const control::ContainerId name{"backup"};

  const InSequence order;
  EXPECT_CALL(engine, remove(name, _, _)).WillOnce(Return(RemoveOutcome::kAbsent));
  EXPECT_CALL(engine, create)
      .WillOnce(GiveError({.code = ErrorCode::kUnavailable, .effect = Effect::kUnknown}));
  EXPECT_CALL(engine, remove(name, _, _)).WillOnce(Return(RemoveOutcome::kRemoved));
  EXPECT_CALL(engine, create).WillOnce(GiveError({.code = ErrorCode::kPermissionDenied}));

  JobRunner runner(engine, [](const std::string&) {});
  EXPECT_EQ(runner.run(job), Outcome::kFailed);
}

}  // namespace
}  // namespace nightly

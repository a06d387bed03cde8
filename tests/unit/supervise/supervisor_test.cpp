#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include <libcontrol/loader.h>
#include <libcontrol/supervisor.h>
#include <libcontrol/testing/mock_control.h>

#include "mock/mock_plugin.h"
#include "recording_observer.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::MockControl;

/// An engine of its own for each test, on the real clock.
std::shared_ptr<ContainerRuntime> openEngine(const std::string& name) {
  static const PluginDescriptor* const kLinked[] = {&mock::descriptor()};
  auto runtime = loadRuntime("mock:///" + name, {.linked_plugins = kLinked});
  if (!runtime) throw std::runtime_error(runtime.error().message);
  return *runtime;
}

std::string freshName() {
  static std::atomic<int> count{0};
  return "supervisor-" + std::to_string(++count);
}

EntrySpec serverThat(std::map<std::string, std::string> labels = {}) {
  EntrySpec spec;
  spec.container.image = "example/game:1";
  spec.container.labels = std::move(labels);
  return spec;
}

class SupervisorTest : public ::testing::Test {
 protected:
  SupervisorTest() { restart(); }

  /// Ends the supervisor and opens a new one on the same engine, as a restarted daemon does.
  void restart() {
    supervisor_.reset();
    supervisor_ =
        std::make_unique<Supervisor>(runtime_, SupervisorOptions{.stats_interval = 0s}, observer_);
    supervisor_->open(CallContext::within(5s));
  }

  void createAndStart(const std::string& name, EntrySpec spec) {
    spec.start = true;
    ASSERT_TRUE(supervisor_->create(name, std::move(spec), "create-" + name));
    const auto end = observer_.waitForEnd("create-" + name);
    ASSERT_TRUE(end);
    ASSERT_FALSE(end->error) << end->error->message;
  }

  MockControl& engine() { return *runtime_->extension<MockControl>(); }
  /// Whether the engine has been asked that and has not answered yet.
  bool isAsked(testing::Primitive primitive) {
    for (const testing::JournalEntry& one : engine().journal())
      if (one.primitive == primitive && !one.finished) return true;
    return false;
  }
  ContainerId idOf(const std::string& name) { return *supervisor_->status(name)->container; }

  std::shared_ptr<ContainerRuntime> runtime_ = openEngine(freshName());
  test::RecordingObserver observer_;
  std::unique_ptr<Supervisor> supervisor_;
};

TEST_F(SupervisorTest, CreatesThenStarts) {
  ASSERT_TRUE(supervisor_->create("a", serverThat(), "op-1"));
  ASSERT_TRUE(supervisor_->start("a", "op-2"));
  ASSERT_TRUE(observer_.waitForEnd("op-2"));
  EXPECT_THAT(observer_.states("a"), ElementsAre(EntryState::kCreating, EntryState::kCreated,
                                                 EntryState::kStarting, EntryState::kRunning));
  const auto running = observer_.waitFor("a", EntryState::kRunning);
  EXPECT_EQ(running->operation_id, "op-2");
  EXPECT_TRUE(running->pid);
  EXPECT_TRUE(running->container);
  EXPECT_EQ(observer_.endsOf("op-1"), 1U);
  EXPECT_EQ(observer_.endsOf("op-2"), 1U);
  const auto info = runtime_->inspect(idOf("a"), {});
  ASSERT_TRUE(info);
  EXPECT_EQ(info->spec.name, "control-a");
  EXPECT_EQ(info->spec.labels.at("libcontrol.entry"), "a");
}

TEST_F(SupervisorTest, PullsAMissingImageFirst) {
  auto spec = serverThat();
  spec.container.image = "example/pullable:1";
  ASSERT_TRUE(supervisor_->create("a", spec, "op"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kCreated));
  EXPECT_THAT(observer_.states("a"), ElementsAre(EntryState::kCreating, EntryState::kPulling,
                                                 EntryState::kCreating, EntryState::kCreated));
}

TEST_F(SupervisorTest, FailedCreationIsToldAndMakesRoom) {
  auto spec = serverThat();
  spec.container.image = "mock/missing:1";
  ASSERT_TRUE(supervisor_->create("a", spec, "op-1"));
  const auto failed = observer_.waitFor("a", EntryState::kFailed);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->failed, OperationKind::kCreate);
  ASSERT_TRUE(failed->error);
  EXPECT_EQ(failed->error->code, ErrorCode::kImageNotFound);
  ASSERT_TRUE(observer_.waitForEnd("op-1")->error);
  EXPECT_TRUE(supervisor_->create("a", serverThat(), "op-2"));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kCreated));
}

TEST_F(SupervisorTest, FailedPullIsToldAsOneEvenWithoutProgress) {
  auto spec = serverThat();
  spec.container.image = "example/pullable:1";
  engine().failNext(testing::Primitive::kPull,
                    {.code = ErrorCode::kUnavailable, .message = "no registry there"});
  ASSERT_TRUE(supervisor_->create("a", spec, "op"));
  const auto failed = observer_.waitFor("a", EntryState::kFailed);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->previous, EntryState::kPulling);
}

// Crashed the process: the start looked for a container that was never made.
TEST_F(SupervisorTest, StartThatWaitsForACreationThatFailsEndsWithAnError) {
  auto spec = serverThat();
  spec.container.image = "mock/missing:1";
  bool waited = false;
  // A start that comes when the creation has failed already is refused and shows nothing.
  for (int i = 0; i < 200 && !waited; ++i) {
    const std::string name = "a" + std::to_string(i);
    ASSERT_TRUE(supervisor_->create(name, spec, "create-" + name));
    waited = static_cast<bool>(supervisor_->start(name, "start-" + name));
    if (!waited) continue;
    const auto end = observer_.waitForEnd("start-" + name);
    ASSERT_TRUE(end && end->error);
    EXPECT_EQ(end->error->code, ErrorCode::kNotFound);
  }
  EXPECT_TRUE(waited);
}

TEST_F(SupervisorTest, CreatingWhatExistsIsRefusedAtOnce) {
  createAndStart("a", serverThat());
  const auto again = supervisor_->create("a", serverThat(), "op-2");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
}

TEST_F(SupervisorTest, UnknownEntryIsNotFound) {
  EXPECT_EQ(supervisor_->start("nobody", "op").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(supervisor_->status("nobody").error().code, ErrorCode::kNotFound);
}

TEST_F(SupervisorTest, GracefulStopReportsTheExit) {
  createAndStart("a", serverThat({{"mock.on_signal.INT", "exit:42"}}));
  ASSERT_TRUE(supervisor_->stop("a", {.signal = Signal::interrupt(), .timeout = 10s}, "op"));
  const auto stopped = observer_.waitFor("a", EntryState::kStopped);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kStoppedGracefully);
  EXPECT_EQ(stopped->operation_id, "op");
  ASSERT_TRUE(stopped->exit);
  EXPECT_EQ(stopped->exit->exit_code, 42);
  EXPECT_FALSE(observer_.waitForEnd("op")->error);
}

TEST_F(SupervisorTest, StopOfWhatIgnoresTheSignalKillsAfterTheTimeout) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 100ms}, "op"));
  const auto stopped = observer_.waitFor("a", EntryState::kStopped);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kKilledAfterTimeout);
  EXPECT_EQ(stopped->exit->exit_code, 137);
}

TEST_F(SupervisorTest, KillSaysKilled) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(supervisor_->kill("a", "op"));
  EXPECT_EQ(observer_.waitFor("a", EntryState::kStopped)->reason, Reason::kKilled);
}

TEST_F(SupervisorTest, StopAfterOneThatSentNothingSendsTheSignalAndKeepsItsTime) {
  createAndStart("a", serverThat({{"mock.on_signal.TERM", "exit:42"}}));
  engine().failNext(testing::Primitive::kInspect,
                    {.code = ErrorCode::kUnavailable, .message = "the engine restarts"});
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1ms}, "op-1"));
  ASSERT_TRUE(observer_.waitForEnd("op-1")->error);
  const auto over = runtime_->clock().now() + 1ms;
  while (runtime_->clock().now() < over) std::this_thread::yield();
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 10s}, "op-2"));
  ASSERT_FALSE(observer_.waitForEnd("op-2")->error);
  const auto stopped = observer_.waitFor("a", EntryState::kStopped);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kStoppedGracefully);
  EXPECT_EQ(stopped->exit->exit_code, 42);
}

TEST_F(SupervisorTest, CrashAfterAStopThatSentNothingIsACrash) {
  createAndStart("a", serverThat());
  engine().failNext(testing::Primitive::kInspect,
                    {.code = ErrorCode::kUnavailable, .message = "the engine restarts"});
  ASSERT_TRUE(supervisor_->stop("a", {}, "op"));
  ASSERT_TRUE(observer_.waitForEnd("op")->error);
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kCrashed));
}

TEST_F(SupervisorTest, StopThatOvertakesARestartBeforeItsSignalSendsIt) {
  createAndStart("a", serverThat({{"mock.on_signal.TERM", "exit:42"}}));
  const ContainerId id = idOf("a");
  ASSERT_TRUE(engine().setHung(id, true));
  ASSERT_TRUE(supervisor_->restart("a", {.timeout = 5s}, "restart"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kRestarting));
  while (!isAsked(testing::Primitive::kInspect)) std::this_thread::yield();
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 5s}, "stop"));
  ASSERT_TRUE(observer_.waitForEnd("restart"));
  ASSERT_TRUE(engine().setHung(id, false));
  ASSERT_FALSE(observer_.waitForEnd("stop")->error);
  EXPECT_EQ(observer_.waitFor("a", EntryState::kStopped)->reason, Reason::kStoppedGracefully);
}

TEST_F(SupervisorTest, StopOfStoppedSucceeds) {
  ASSERT_TRUE(supervisor_->create("a", serverThat(), "op-1"));
  ASSERT_TRUE(supervisor_->stop("a", {}, "op-2"));
  const auto end = observer_.waitForEnd("op-2");
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->error);
}

TEST_F(SupervisorTest, ServersNeverWaitForEachOther) {
  for (const auto* name : {"a", "b", "c", "d", "e"}) {
    createAndStart(name, serverThat({{"mock.ignore_signals", "TERM"}}));
    ASSERT_TRUE(supervisor_->stop(name, {.timeout = 1h}, std::string("stop-") + name));
  }
  createAndStart("f", serverThat());
  ASSERT_TRUE(supervisor_->stop("f", {.timeout = 1h}, "stop-f"));
  EXPECT_TRUE(observer_.waitForEnd("stop-f"));
  EXPECT_EQ(supervisor_->status("a")->state, EntryState::kStopping);
}

TEST_F(SupervisorTest, HungContainerHoldsUpNobodyElse) {
  createAndStart("a", serverThat());
  createAndStart("b", serverThat());
  ASSERT_TRUE(engine().setHung(idOf("a"), true));
  ASSERT_TRUE(supervisor_->stop("a", {}, "stop-a"));
  ASSERT_TRUE(supervisor_->stop("b", {}, "stop-b"));
  EXPECT_TRUE(observer_.waitForEnd("stop-b"));
  EXPECT_EQ(observer_.endsOf("stop-a"), 0U);
  ASSERT_TRUE(engine().setHung(idOf("a"), false));
}

TEST_F(SupervisorTest, SecondStopShortensTheFirst) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1h}, "op-1"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopping));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 50ms}, "op-2"));
  ASSERT_TRUE(observer_.waitForEnd("op-1"));
  ASSERT_TRUE(observer_.waitForEnd("op-2"));
  EXPECT_EQ(observer_.waitFor("a", EntryState::kStopped)->reason, Reason::kKilledAfterTimeout);
}

TEST_F(SupervisorTest, SecondStopNeverLengthensTheFirst) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 300ms}, "op-1"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopping));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1h}, "op-2"));
  EXPECT_TRUE(observer_.waitForEnd("op-2"));
}

TEST_F(SupervisorTest, KillEndsAStopThatWaits) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1h}, "op-1"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopping));
  ASSERT_TRUE(supervisor_->kill("a", "op-2"));
  const auto stopped = observer_.waitFor("a", EntryState::kStopped);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kKilled);
}

TEST_F(SupervisorTest, KillEndsAStopThatHasNotBegun) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  const ContainerId id = idOf("a");
  ASSERT_TRUE(engine().setHung(id, true));
  ASSERT_TRUE(supervisor_->update("a", {}, "update"));
  while (!isAsked(testing::Primitive::kInspect)) std::this_thread::yield();
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1h}, "stop"));
  ASSERT_TRUE(supervisor_->kill("a", "kill"));
  ASSERT_TRUE(engine().setHung(id, false));
  EXPECT_TRUE(observer_.waitForEnd("stop"));
  EXPECT_TRUE(observer_.waitForEnd("kill"));
  EXPECT_EQ(observer_.waitFor("a", EntryState::kStopped)->reason, Reason::kKilled);
}

TEST_F(SupervisorTest, StopOvertakesStartsThatWait) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->restart("a", {.timeout = 1h}, "restart"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kRestarting));
  ASSERT_TRUE(supervisor_->start("a", "start"));
  ASSERT_TRUE(supervisor_->kill("a", "kill"));
  for (const auto* overtaken : {"restart", "start"}) {
    const auto end = observer_.waitForEnd(overtaken);
    ASSERT_TRUE(end) << overtaken;
    ASSERT_TRUE(end->error) << overtaken;
    EXPECT_EQ(end->error->code, ErrorCode::kCancelled);
  }
  ASSERT_TRUE(observer_.waitForEnd("kill"));
  EXPECT_EQ(supervisor_->status("a")->state, EntryState::kStopped);
}

TEST_F(SupervisorTest, RestartIsANewRun) {
  createAndStart("a", serverThat());
  const auto before = supervisor_->status("a");
  ASSERT_TRUE(supervisor_->restart("a", {}, "op"));
  ASSERT_FALSE(observer_.waitForEnd("op")->error);
  const auto after = supervisor_->status("a");
  EXPECT_EQ(after->state, EntryState::kRunning);
  EXPECT_NE(after->started_at, before->started_at);
}

TEST_F(SupervisorTest, CrashIsToldWithItsExitCode) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  const auto crashed = observer_.waitFor("a", EntryState::kCrashed);
  ASSERT_TRUE(crashed);
  EXPECT_EQ(crashed->reason, Reason::kCrashed);
  EXPECT_EQ(crashed->exit->exit_code, 3);
  EXPECT_TRUE(crashed->operation_id.empty());
  // Nobody wants it restarted: that is where it stays.
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kFailed));
}

TEST_F(SupervisorTest, OomKillIsToldApartFromACrash) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(engine().oom(idOf("a")));
  const auto crashed = observer_.waitFor("a", EntryState::kCrashed);
  ASSERT_TRUE(crashed);
  EXPECT_EQ(crashed->reason, Reason::kOomKilled);
  EXPECT_EQ(crashed->exit->oom_killed, true);
}

TEST_F(SupervisorTest, ExitWithCodeZeroIsNoCrash) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(engine().crash(idOf("a"), 0));
  const auto stopped = observer_.waitFor("a", EntryState::kStopped);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kExited);
}

TEST_F(SupervisorTest, CrashIsRestartedUntilTheRetriesAreUsedUp) {
  auto spec = serverThat({{"mock.run_for", "5ms"}, {"mock.exit_code", "3"}});
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure, .max_retries = 2, .first_delay = 1ms};
  createAndStart("a", spec);
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kFailed));
  std::size_t runs = 0;
  for (const EntryState state : observer_.states("a"))
    runs += state == EntryState::kRunning ? 1 : 0;
  EXPECT_EQ(runs, 3U);
  EXPECT_EQ(supervisor_->status("a")->restarts, 2);
}

TEST_F(SupervisorTest, RestartThatAnEngineInTroubleRefusesIsTriedAgainWithoutCounting) {
  auto spec = serverThat();
  spec.restart = {.mode = RestartPolicy::Mode::kAlways, .max_retries = 1, .first_delay = 1ms};
  createAndStart("a", spec);
  engine().failNext(testing::Primitive::kStart,
                    {.code = ErrorCode::kUnavailable, .message = "shutting down"}, 2);
  const std::size_t from = observer_.position();
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kRunning, from));
  EXPECT_EQ(supervisor_->status("a")->restarts, 3);
}

TEST_F(SupervisorTest, RestartThatFallsDueWhileTheEngineIsLostIsMadeAfterwards) {
  auto spec = serverThat();
  spec.restart = {.mode = RestartPolicy::Mode::kAlways, .first_delay = 300ms};
  createAndStart("a", spec);
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kCrashed));
  const auto due = std::chrono::steady_clock::now() + 400ms;
  engine().engineDown(true);
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kUnknown));
  const std::size_t from = observer_.position();
  std::this_thread::sleep_until(due);
  engine().engineDown(false);
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kRunning, from));
}

TEST_F(SupervisorTest, StopCallsOffAPlannedRestart) {
  auto spec = serverThat();
  spec.restart = {.mode = RestartPolicy::Mode::kAlways, .first_delay = 20ms};
  createAndStart("a", spec);
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kCrashed));
  const std::size_t from = observer_.position();
  ASSERT_TRUE(supervisor_->stop("a", {}, "op"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopped, from));
  // Another entry that crashes now is restarted later than "a" would have been.
  createAndStart("b", spec);
  ASSERT_TRUE(engine().crash(idOf("b"), 3));
  ASSERT_TRUE(observer_.waitFor("b", EntryState::kStarting, observer_.position()) ||
              observer_.waitFor("b", EntryState::kRunning));
  EXPECT_EQ(supervisor_->status("a")->state, EntryState::kStopped);
}

TEST_F(SupervisorTest, FailedStartIsToldWithTheTrueState) {
  ASSERT_TRUE(supervisor_->create("a", serverThat({{"mock.start_error", "no such file"}}), "op-1"));
  ASSERT_TRUE(supervisor_->start("a", "op-2"));
  const auto end = observer_.waitForEnd("op-2");
  ASSERT_TRUE(end);
  ASSERT_TRUE(end->error);
  EXPECT_EQ(end->error->code, ErrorCode::kStartFailed);
  const auto transitions = observer_.transitions("a");
  EXPECT_EQ(transitions.back().failed, OperationKind::kStart);
  EXPECT_EQ(transitions.back().current, EntryState::kCreated);
  EXPECT_EQ(transitions.back().reason, Reason::kStartFailed);
}

TEST_F(SupervisorTest, ServerThatRunsAfterAFailedStartIsWatched) {
  ASSERT_TRUE(supervisor_->create("a", serverThat(), "create"));
  ASSERT_TRUE(observer_.waitForEnd("create"));
  // The first look at what was started; the second tells how it stands.
  engine().failNext(testing::Primitive::kInspect,
                    {.code = ErrorCode::kUnavailable, .message = "the engine restarts"});
  ASSERT_TRUE(supervisor_->start("a", "start"));
  ASSERT_TRUE(observer_.waitForEnd("start")->error);
  EXPECT_EQ(supervisor_->status("a")->state, EntryState::kRunning);
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kCrashed));
}

TEST_F(SupervisorTest, RestartedDaemonAdoptsWhatRuns) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(supervisor_->create("b", serverThat(), "op"));
  ASSERT_TRUE(observer_.waitForEnd("op"));
  const auto before = runtime_->inspect(idOf("a"), {});
  const std::size_t from = observer_.position();
  restart();
  const auto adopted = observer_.waitFor("a", EntryState::kRunning, from);
  ASSERT_TRUE(adopted);
  EXPECT_EQ(adopted->reason, Reason::kAdopted);
  EXPECT_TRUE(observer_.waitFor("b", EntryState::kCreated, from));
  const auto after = runtime_->inspect(idOf("a"), {});
  EXPECT_EQ(after->pid, before->pid);
  EXPECT_EQ(after->started_at, before->started_at);
}

TEST_F(SupervisorTest, AdoptedServerIsWatchedAndKeepsItsPolicy) {
  auto spec = serverThat();
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure, .max_retries = 1};
  createAndStart("a", spec);
  restart();
  const std::size_t from = observer_.position();
  ASSERT_TRUE(engine().crash(idOf("a"), 3));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kCrashed, from));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kRunning, from)) << "it was to be restarted once";
}

TEST_F(SupervisorTest, DestroyingTheSupervisorWithAStopPendingKillsNothing) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  const ContainerId id = idOf("a");
  ASSERT_TRUE(supervisor_->stop("a", {.timeout = 1h}, "op"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kStopping));
  supervisor_.reset();
  ASSERT_TRUE(observer_.waitForEnd("op")->error);
  EXPECT_EQ(runtime_->inspect(id, {})->state, ContainerState::kRunning);
}

TEST_F(SupervisorTest, ContainerRemovedBehindOurBackIsTold) {
  createAndStart("a", serverThat());
  ASSERT_TRUE(runtime_->remove(idOf("a"), {.force = true}, {}));
  const auto gone = observer_.waitFor("a", EntryState::kFailed);
  ASSERT_TRUE(gone);
}

TEST_F(SupervisorTest, EngineLostIsUnknownAndFoundAgainIsAdopted) {
  createAndStart("a", serverThat());
  const std::size_t from = observer_.position();
  engine().engineDown(true);
  const auto lost = observer_.waitFor("a", EntryState::kUnknown, from);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->reason, Reason::kEngineLost);
  EXPECT_FALSE(supervisor_->engineReachable());
  engine().engineDown(false);
  const auto found = observer_.waitFor("a", EntryState::kRunning, from);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->reason, Reason::kAdopted);
  EXPECT_TRUE(supervisor_->engineReachable());
}

TEST_F(SupervisorTest, ContainerMadeByOthersWithOurLabelsIsAdopted) {
  ContainerSpec spec;
  spec.name = "control-z";
  spec.image = "example/game:1";
  spec.labels = {{"libcontrol.managed", "true"}, {"libcontrol.entry", "z"}};
  const auto running = runtime_->run(spec, {});
  ASSERT_TRUE(running);
  EXPECT_TRUE(observer_.waitFor("z", EntryState::kRunning));
}

TEST_F(SupervisorTest, ContainerOfAnotherSupervisorIsLeftAlone) {
  const auto openAs = [&](const std::string& owner, test::RecordingObserver& observer) {
    auto supervisor = std::make_unique<Supervisor>(
        runtime_, SupervisorOptions{.owner_label = {"owner", owner}, .stats_interval = 0s},
        observer);
    supervisor->open(CallContext::within(5s));
    return supervisor;
  };
  test::RecordingObserver first_observer;
  test::RecordingObserver second_observer;
  const auto first = openAs("first", first_observer);
  const auto second = openAs("second", second_observer);
  ASSERT_TRUE(first->create("a", serverThat(), "op-1"));
  ASSERT_FALSE(first_observer.waitForEnd("op-1")->error);
  ASSERT_TRUE(second->create("b", serverThat(), "op-2"));
  ASSERT_FALSE(second_observer.waitForEnd("op-2")->error);
  EXPECT_EQ(second->status("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(openAs("second", second_observer)->list().size(), 1U);
  // Who does not ask whose they are takes them all.
  restart();
  EXPECT_EQ(supervisor_->list().size(), 2U);
}

TEST_F(SupervisorTest, RemoveStopsAndForgets) {
  createAndStart("a", serverThat());
  const ContainerId id = idOf("a");
  ASSERT_TRUE(supervisor_->remove("a", "op"));
  ASSERT_FALSE(observer_.waitForEnd("op")->error);
  const auto states = observer_.states("a");
  EXPECT_EQ(states[states.size() - 2], EntryState::kDeleting);
  EXPECT_EQ(states.back(), EntryState::kDeleted);
  EXPECT_EQ(supervisor_->status("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(runtime_->inspect(id, {}).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(supervisor_->create("a", serverThat(), "again"));
  EXPECT_FALSE(observer_.waitForEnd("again")->error);
}

/// As one does that replaces a server as soon as it hears that the old one is gone.
TEST_F(SupervisorTest, NameIsFreeWhenItsEntryIsToldToBeDeleted) {
  struct Replacing : test::RecordingObserver {
    void onTransition(const Transition& transition) override {
      RecordingObserver::onTransition(transition);
      if (transition.current != EntryState::kDeleted) return;
      std::thread([this] { EXPECT_TRUE(supervisor->create("a", serverThat(), "again")); }).join();
    }
    Supervisor* supervisor = nullptr;
  } observer;
  supervisor_ =
      std::make_unique<Supervisor>(runtime_, SupervisorOptions{.stats_interval = 0s}, observer);
  observer.supervisor = supervisor_.get();
  supervisor_->open(CallContext::within(5s));
  ASSERT_TRUE(supervisor_->create("a", serverThat(), "create"));
  ASSERT_TRUE(observer.waitForEnd("create"));
  ASSERT_TRUE(supervisor_->remove("a", "remove"));
  const auto end = observer.waitForEnd("again");
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->error);
  ASSERT_TRUE(observer.waitForEnd("remove"));
  EXPECT_EQ(supervisor_->status("a")->state, EntryState::kCreated);
  ASSERT_TRUE(supervisor_->start("a", "start"));
  EXPECT_FALSE(observer.waitForEnd("start")->error);
  supervisor_.reset();
}

TEST_F(SupervisorTest, WhatIsBeingDeletedTakesNoOperations) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->remove("a", "op-1"));
  const auto refused = supervisor_->start("a", "op-2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kWrongState);
}

TEST_F(SupervisorTest, LimitsApplyAtOnceAndASpecificationAtTheNextStart) {
  createAndStart("a", serverThat());
  const ContainerId id = idOf("a");
  EntryUpdate update;
  update.limits.memory_bytes = 64 << 20;
  update.respec = [](ContainerSpec spec) -> Result<ContainerSpec> {
    spec.environment.emplace_back("MODE", "hard");
    return spec;
  };
  ASSERT_TRUE(supervisor_->update("a", update, "op-1"));
  ASSERT_FALSE(observer_.waitForEnd("op-1")->error);
  EXPECT_EQ(idOf("a"), id);
  EXPECT_EQ(runtime_->inspect(id, {})->spec.limits.memory_bytes, 64 << 20);
  ASSERT_TRUE(supervisor_->restart("a", {}, "op-2"));
  ASSERT_FALSE(observer_.waitForEnd("op-2")->error);
  const auto info = runtime_->inspect(idOf("a"), {});
  EXPECT_NE(info->id, id);
  EXPECT_EQ(info->spec.environment.back(), (std::pair<std::string, std::string>("MODE", "hard")));
  EXPECT_EQ(info->spec.limits.memory_bytes, 64 << 20);
  EXPECT_EQ(info->spec.name, "control-a");
}

TEST_F(SupervisorTest, AnUpdateThatDoesNotFitFailsAndLeavesTheStartsAfterItAlone) {
  createAndStart("a", serverThat());
  EntryUpdate update;
  update.limits.memory_bytes = 64 << 20;
  update.respec = [](const ContainerSpec&) -> Result<ContainerSpec> {
    return Error{.code = ErrorCode::kInvalidArgument, .message = "does not fit"};
  };
  ASSERT_TRUE(supervisor_->update("a", update, "op-1"));
  ASSERT_TRUE(observer_.waitForEnd("op-1")->error);
  EXPECT_EQ(observer_.waitForEnd("op-1")->error->code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(runtime_->inspect(idOf("a"), {})->spec.limits.memory_bytes);
  ASSERT_TRUE(supervisor_->restart("a", {}, "op-2"));
  EXPECT_FALSE(observer_.waitForEnd("op-2")->error);
}

TEST_F(SupervisorTest, TheLaterOfTwoLimitsHoldsAfterTheNextStart) {
  createAndStart("a", serverThat());
  EntryUpdate first;
  first.limits.memory_bytes = 64 << 20;
  first.respec = [](ContainerSpec spec) -> Result<ContainerSpec> { return spec; };
  EntryUpdate second;
  second.limits.memory_bytes = 128 << 20;
  ASSERT_TRUE(supervisor_->update("a", first, "op-1"));
  ASSERT_TRUE(supervisor_->update("a", second, "op-2"));
  ASSERT_TRUE(supervisor_->restart("a", {}, "op-3"));
  ASSERT_FALSE(observer_.waitForEnd("op-3")->error);
  EXPECT_EQ(runtime_->inspect(idOf("a"), {})->spec.limits.memory_bytes, 128 << 20);
}

TEST_F(SupervisorTest, RefusesOperationsBeyondTheQueueLimit) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->restart("a", {.timeout = 1h}, "first"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kRestarting));
  int accepted = 0;
  Result<void> last;
  while ((last = supervisor_->start("a", "more"))) ++accepted;
  EXPECT_EQ(accepted, 64);
  EXPECT_EQ(last.error().code, ErrorCode::kResourceExhausted);
}

TEST_F(SupervisorTest, MeasuresRatesBetweenTwoSamples) {
  createAndStart("a", serverThat({{"mock.cpu_percent", "50"}}));
  std::optional<StatsRates> rates;
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (!rates && std::chrono::steady_clock::now() < give_up)
    rates = supervisor_->measure("a", CallContext::within(1s))->rates;
  ASSERT_TRUE(rates);
  ASSERT_TRUE(rates->cpu_percent);
  EXPECT_NEAR(*rates->cpu_percent, 50, 5);
}

TEST_F(SupervisorTest, SamplesAllThatRunsAtItsInterval) {
  createAndStart("a", serverThat());
  createAndStart("b", serverThat());
  ASSERT_TRUE(supervisor_->create("c", serverThat(), "op"));
  supervisor_.reset();
  supervisor_ =
      std::make_unique<Supervisor>(runtime_, SupervisorOptions{.stats_interval = 20ms}, observer_);
  supervisor_->open(CallContext::within(5s));
  EXPECT_TRUE(observer_.waitUntil(
      [&] { return !observer_.sweeps().empty() && observer_.sweeps().back().size() == 2; }));
}

TEST_F(SupervisorTest, PullBelongsToNoEntryAndReportsItsEnd) {
  ASSERT_TRUE(supervisor_->pull("example/pullable:2", {}, "op-1"));
  EXPECT_FALSE(observer_.waitForEnd("op-1")->error);
  ASSERT_TRUE(supervisor_->pull("mock/missing:2", {}, "op-2"));
  ASSERT_TRUE(observer_.waitForEnd("op-2")->error);
  EXPECT_EQ(observer_.waitForEnd("op-2")->error->code, ErrorCode::kImageNotFound);
}

}  // namespace
}  // namespace control

// What happens to the mock engine and its containers without a call.

#include <thread>

#include "mock_fixture.h"

namespace control::mock {
namespace {

using testing::EngineAction;
using Kind = EngineAction::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MockActionTest : public MockTest {
 protected:
  void perform(EngineAction action) {
    const auto performed = mock->perform(action);
    ASSERT_TRUE(performed) << performed.error().message;
  }
  std::vector<std::string> told(EventStream& events) {
    std::vector<std::string> words;
    while (auto event = events.next(kAtOnce)) {
      if (!*event) break;
      words.push_back((*event)->raw_type);
    }
    return words;
  }
};

TEST_F(MockActionTest, AnotherClientCreatesStartsAndRemoves) {
  perform({.kind = Kind::kCreate, .spec = ContainerSpec{.name = "theirs", .image = "a"}});
  EXPECT_EQ(state({"theirs"}), ContainerState::kCreated);
  ASSERT_TRUE(mock->startBehind({"theirs"}));
  EXPECT_EQ(state({"theirs"}), ContainerState::kRunning);
  auto watch = runtime->watchExit({"theirs"}, {});
  ASSERT_TRUE(mock->removeBehind({"theirs"}));
  EXPECT_EQ((*watch)->exited({})->exit_code, 137);
  EXPECT_FAILS(runtime->inspect({"theirs"}, {}), kNotFound);
}

TEST_F(MockActionTest, AnotherClientsStopWaitsAndThenKills) {
  const ContainerId id = runWith({{"mock.ignore_signals", "TERM"}});
  perform({.kind = Kind::kStop, .container = id.value, .timeout = 5s});
  clock->advance(4999ms);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  clock->advance(1ms);
  EXPECT_EQ(exitCode(id), 137);
  const ContainerId graceful = run({});
  ASSERT_TRUE(mock->stopBehind(graceful));
  EXPECT_EQ(exitCode(graceful), 0);
  const ContainerId at_once = run({});
  perform({.kind = Kind::kStop, .container = at_once.value, .timeout = 0s});
  EXPECT_EQ(exitCode(at_once), 137);
}

TEST_F(MockActionTest, AnotherClientsStopGoesByTheContainersSignalAndTimeout) {
  const ContainerId id =
      run({.command = {"sh", "-c", "trap 'exit 9' INT; while :; do sleep 1; done"},
           .stop_signal = Signal::interrupt(),
           .stop_timeout = 3s});
  ASSERT_TRUE(mock->stopBehind(id));
  clock->advance(1s);
  EXPECT_EQ(exitCode(id), 9);
  const ContainerId deaf = run({.labels = {{"mock.ignore_signals", "all"}}, .stop_timeout = 3s});
  ASSERT_TRUE(mock->stopBehind(deaf));
  clock->advance(3s);
  EXPECT_EQ(exitCode(deaf), 137);
}

TEST_F(MockActionTest, StopTimeoutOfOneRunDoesNotReachTheNext) {
  const ContainerId id = runWith({{"mock.ignore_signals", "TERM"}});
  ASSERT_TRUE(mock->stopBehind(id));
  send(id, 9);
  ASSERT_TRUE(runtime->start(id, {}));
  clock->advance(1h);
  EXPECT_EQ(state(id), ContainerState::kRunning);
}

TEST_F(MockActionTest, AnotherClientSignals) {
  const ContainerId id = runWith({{"mock.on_signal.USR1", "exit:4"}});
  perform({.kind = Kind::kSignal, .container = id.value, .signal = Signal{10}});
  EXPECT_EQ(exitCode(id), 4);
}

TEST_F(MockActionTest, RenamesAndFreesTheOldName) {
  auto events = runtime->events({}, {});
  const ContainerId id = create({.name = "old"});
  create({.name = "taken"});
  ASSERT_TRUE(mock->renameBehind(id, "new"));
  EXPECT_EQ(look({"new"}).id, id);
  EXPECT_FAILS(runtime->inspect({"old"}, {}), kNotFound);
  EXPECT_FAILS(mock->renameBehind(id, "taken"), kAlreadyExists);
  EXPECT_FAILS(mock->renameBehind(id, "a b"), kInvalidArgument);
  EXPECT_THAT(told(**events), ElementsAre("create", "create", "rename"));
}

TEST_F(MockActionTest, KernelKillsAnotherProcessForLackOfMemory) {
  const ContainerId id = run({});
  auto events = runtime->events({}, {});
  perform({.kind = Kind::kOom, .container = id.value, .child_only = true});
  EXPECT_EQ(state(id), ContainerState::kRunning);
  EXPECT_EQ(look(id).oom_killed, true);
  EXPECT_EQ(runtime->stats({&id, 1}, {}).front()->oom_kills, 1u);
  EXPECT_THAT(told(**events), ElementsAre("oom"));
  send(id, 15);
  EXPECT_EQ(look(id).exit->exit_code, 0);
  EXPECT_EQ(look(id).exit->oom_killed, true);
}

TEST_F(MockActionTest, PrintsToEitherOutput) {
  const ContainerId id = run({});
  perform({.kind = Kind::kPrint, .container = id.value, .text = "out\n"});
  perform({.kind = Kind::kPrint, .container = id.value, .text = "err\n", .to_stderr = true});
  EXPECT_EQ(logged(id, {.standard_output = false}), "err\n");
  EXPECT_EQ(logged(id, {.standard_error = false}), "out\n");
}

TEST_F(MockActionTest, SetsWhatStatisticsShow) {
  const ContainerId id = run({});
  const auto sample = [&] { return *runtime->stats({&id, 1}, {}).front(); };
  ASSERT_TRUE(mock->setStats(id, {.cpu_percent = 50,
                                  .memory_bytes = 1000,
                                  .pids = 9,
                                  .network_rx_bytes = 5000,
                                  .network_tx_bytes = 100}));
  const auto before = sample();
  EXPECT_EQ(before.memory_working_set_bytes, 1000u);
  EXPECT_EQ(before.pids, 9u);
  EXPECT_EQ(before.network_rx_bytes, 5000u);
  EXPECT_EQ(before.network_tx_bytes, 100u);
  clock->advance(10s);
  const auto after = sample();
  EXPECT_EQ(*after.cpu_time - *before.cpu_time, 5s);
  EXPECT_GT(*after.network_rx_bytes, 5000u);
  ASSERT_TRUE(mock->setStats(id, {.pids = 1}));
  EXPECT_EQ(sample().memory_working_set_bytes, 1000u);
}

TEST_F(MockActionTest, RestartOfTheEngineCutsStreamsAndKeepsOrKillsContainers) {
  const ContainerId id = run({});
  auto events = runtime->events({}, {});
  auto watch = runtime->watchExit(id, {});
  mock->engineRestart(false);
  EXPECT_FAILS((*events)->next({}), kUnavailable);
  EXPECT_FAILS((*watch)->exited({}), kUnavailable);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  auto later = runtime->events({}, {});
  mock->engineRestart(true);
  EXPECT_EQ(exitCode(id), 137);
  EXPECT_THAT(told(**later), IsEmpty());
}

TEST_F(MockActionTest, ScheduledOnesComeAtTheirMoment) {
  const ContainerId id = run({.name = "xx"});
  ASSERT_TRUE(mock->schedule(10s, {.kind = Kind::kEngineDown}));
  ASSERT_TRUE(mock->schedule(12s, {.kind = Kind::kEngineUp}));
  ASSERT_TRUE(mock->schedule(15s, {.kind = Kind::kRemove, .container = "xx"}));
  ASSERT_TRUE(mock->schedule(16s, {.kind = Kind::kRemove, .container = "xx"}));
  clock->advance(11s);
  EXPECT_FAILS(runtime->info({}), kUnavailable);
  clock->advance(1s);
  EXPECT_TRUE(runtime->inspect(id, {}));
  clock->advance(3s);
  EXPECT_FAILS(runtime->inspect(id, {}), kNotFound);
  clock->advance(1s);
  EXPECT_THAT(mock->unusedRules(),
              ElementsAre("scheduled step 4: oob_remove 'xx': no such container: xx"));
}

TEST_F(MockActionTest, ScheduledForNowComesNow) {
  ASSERT_TRUE(mock->schedule(0s, {.kind = Kind::kEngineDown}));
  EXPECT_FAILS(runtime->info({}), kUnavailable);
  EXPECT_FAILS(mock->schedule(-1s, {.kind = Kind::kEngineUp}), kInvalidArgument);
}

TEST_F(MockActionTest, RefusesWhatTheStateDoesNotAllow) {
  const ContainerId id = create({});
  for (const Kind kind : {Kind::kStop, Kind::kSignal, Kind::kPause, Kind::kUnpause, Kind::kCrash,
                          Kind::kOom, Kind::kPrint, Kind::kSetStats})
    EXPECT_FAILS(mock->perform({.kind = kind, .container = id.value}), kWrongState);
  for (const Kind kind : {Kind::kStart, Kind::kRemove, Kind::kHang, Kind::kRelease, Kind::kCrash})
    EXPECT_FAILS(mock->perform({.kind = kind, .container = "nobody"}), kNotFound);
  EXPECT_FAILS(mock->perform({.kind = Kind::kCreate}), kInvalidArgument);
  EXPECT_FAILS(mock->perform({.kind = Kind::kAddImage, .text = ""}), kInvalidArgument);
}

TEST_F(MockActionTest, InventsWordsThatNobodyHasHeardOf) {
  const ContainerId id = runWith({});
  const auto events = runtime->events({}, {});
  ASSERT_TRUE(events);
  ASSERT_TRUE(mock->perform({.kind = Kind::kInventState, .container = id.value, .text = "odd"}));
  EXPECT_EQ(look(id).state, ContainerState::kUnknown);
  EXPECT_EQ(look(id).raw_state, "odd");
  const auto rows = runtime->list({.states = {ContainerState::kUnknown}}, {});
  ASSERT_TRUE(rows && rows->size() == 1);
  EXPECT_EQ(rows->front().raw_state, "odd");
  ASSERT_TRUE(mock->perform({.kind = Kind::kInventState, .container = id.value}));
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
  ASSERT_TRUE(mock->perform({.kind = Kind::kInventEvent, .container = id.value, .text = "odd"}));
  const auto event = (*events)->next(kAtOnce);
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->type, EventType::kUnknown);
  EXPECT_EQ((*event)->raw_type, "odd");
  EXPECT_EQ((*event)->container, id);
}

TEST_F(MockActionTest, RefusesWhatNoEngineCouldDo) {
  const ContainerId id = run({.name = "web"});
  const std::vector<std::pair<EngineAction, std::string>> wrong{
      {{.kind = Kind{23}}, "no action of the number 23"},
      {{.kind = Kind::kCrash}, "crash needs the name or id of a container"},
      {{.kind = Kind::kCrash, .container = "web", .exit_code = 300}, "0 to 255, not 300"},
      {{.kind = Kind::kCrash, .container = "web", .signal = Signal{99}}, "signal 99 is not one"},
      {{.kind = Kind::kSignal, .container = "web", .signal = Signal{0}}, "signal 0 is not one"},
      {{.kind = Kind::kStop, .container = "web", .timeout = -1s}, "timeout"},
      {{.kind = Kind::kRename, .container = "web", .text = "-"}, "container name '-'"},
      {{.kind = Kind::kSetStats, .container = "web", .stats = {.cpu_percent = -1}}, "cpu_percent"},
      {{.kind = Kind::kSetStats, .container = "web", .stats = {.pids = UINT64_MAX}}, "2^62"},
      {{.kind = Kind::kLoseEvents, .count = 0}, "1 or more"},
      {{.kind = Kind::kCreate}, "no specification"},
      {{.kind = Kind::kAddImage}, "image '' is not a reference"},
  };
  for (const auto& [action, words] : wrong)
    for (const auto& refused : {mock->perform(action), mock->schedule(1s, action)}) {
      ASSERT_FALSE(refused) << words;
      EXPECT_FAILS(refused, kInvalidArgument);
      EXPECT_THAT(refused.error().message, HasSubstr(words));
    }
  EXPECT_TRUE(mock->unusedRules().empty());
  EXPECT_EQ(state(id), ContainerState::kRunning);
  EXPECT_FAILS(mock->crash(id, 256), kInvalidArgument);
  EXPECT_FAILS(mock->kill(id, Signal{65}), kInvalidArgument);
  EXPECT_THROW(mock->loseEvents(0), std::invalid_argument);
  EXPECT_THROW(mock->removeImage(""), std::invalid_argument);
  EXPECT_FAILS(mock->advance(-1s), kInvalidArgument);
  EXPECT_FAILS(mock->advanceToIdle(-1s), kInvalidArgument);
}

TEST_F(MockActionTest, AdvancesUntilNothingIsDue) {
  const ContainerId id = runWith({{"mock.run_for", "5s"}});
  runWith({{"mock.run_for", "90s"}});
  const auto moved = mock->advanceToIdle(1h);
  ASSERT_TRUE(moved);
  EXPECT_EQ(*moved, 90s);
  EXPECT_EQ(exitCode(id), 0);
  runWith({{"mock.stdout", "x"}, {"mock.stdout_every", "1s"}});
  EXPECT_EQ(*mock->advanceToIdle(10500ms), 10500ms);
}

TEST_F(MockActionTest, CountsOpenStreamsAndHasNoThread) {
  EXPECT_EQ(mock->openStreams(), 0u);
  const ContainerId id = run({});
  {
    const auto log = runtime->logs(id, {}, {});
    const auto watch = runtime->watchExit(id, {});
    EXPECT_EQ(mock->openStreams(), 2u);
  }
  EXPECT_EQ(mock->openStreams(), 0u);
  EXPECT_EQ(mock->liveThreads(), 0u);
}

TEST_F(MockActionTest, DoesNotCountACommandWhoseCallerWasNotTold) {
  const ContainerId id = run({});
  mock->failNext(testing::Primitive::kExec,
                 {.code = ErrorCode::kUnavailable, .effect = Effect::kApplied});
  EXPECT_FAILS(runtime->exec(id, {.command = {"sleep", "5"}}, {}), kUnavailable);
  EXPECT_EQ(mock->openStreams(), 0u);
}

TEST(MockActionOnARealClock, HasOneThreadOnceSomethingIsToCome) {
  const auto opened = openMock("mock:///one-thread?clock=real");
  auto* mock = (*opened)->extension<testing::MockControl>();
  EXPECT_EQ(mock->liveThreads(), 0u);
  const auto running = (*opened)->run({.image = "a", .labels = {{"mock.run_for", "1h"}}}, {});
  EXPECT_EQ(mock->liveThreads(), 1u);
  EXPECT_FAILS(mock->advanceToIdle(1s), kUnsupported);
  mock->reset();
}

TEST_F(MockActionTest, JournalTellsArgumentsOutcomesAndRules) {
  ASSERT_TRUE(mock->inject(
      {.when = {.primitive = testing::Primitive::kStart, .nth = 1},
       .then = {.error = Error{.code = ErrorCode::kUnavailable, .effect = Effect::kApplied}}}));
  clock->advance(1500ms);
  const ContainerId id = create({.name = "web", .image = "game:1"});
  (void)runtime->start({"web"}, {});
  (void)runtime->start({"web"}, {});
  (void)runtime->signal({"web"}, Signal::kill(), {});
  (void)runtime->inspect({"nobody"}, {});
  (void)runtime->list({}, {});
  (void)runtime->remove({"web"}, {.force = true}, {});
  EXPECT_EQ(mock->journalText(), "1.500000000 create web game:1 -> " + id.value +
                                     "\n"
                                     "1.500000000 start web -> unavailable, effect applied, by "
                                     "injected rule 1\n"
                                     "1.500000000 start web -> already running\n"
                                     "1.500000000 signal web SIGKILL -> delivered\n"
                                     "1.500000000 inspect nobody -> not_found, effect none\n"
                                     "1.500000000 list -> 1\n"
                                     "1.500000000 remove web force -> removed\n");
}

TEST_F(MockActionTest, JournalTellsHowLongACallTook) {
  clock->setAutoAdvance(true);
  ASSERT_TRUE(mock->inject({.when = {}, .then = {.latency = 250ms}}));
  (void)runtime->info({});
  EXPECT_THAT(mock->journalText(), HasSubstr("0.000000000 info -> "));
  EXPECT_THAT(mock->journalText(), HasSubstr(", at 0.250000000, by injected rule 1"));
}

}  // namespace
}  // namespace control::mock

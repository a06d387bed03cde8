// The primitives of the mock's runtime.

#include <poll.h>

#include <set>
#include <thread>

#include "mock_fixture.h"

namespace control::mock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MockRuntimeTest : public MockTest {
 protected:
  static bool readable(int fd) {
    pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, 0) == 1;
  }
  std::unique_ptr<ExitWatch> watch(const ContainerId& id) {
    auto armed = runtime->watchExit(id, {});
    EXPECT_TRUE(armed) << armed.error().message;
    return armed ? std::move(*armed) : nullptr;
  }
  std::vector<EventType> drain(EventStream& events) {
    std::vector<EventType> types;
    while (auto event = events.next(kAtOnce)) {
      if (!*event) break;
      types.push_back((*event)->type);
    }
    return types;
  }
};

TEST(MockEndpoint, RefusesUnknownKeysAndNamesTheKnown) {
  const auto opened = openMock("mock:///default?colour=red");
  ASSERT_FALSE(opened);
  EXPECT_FAILS(opened, kInvalidArgument);
  EXPECT_THAT(opened.error().message, HasSubstr("clock, name, profile, seed"));
}

TEST(MockEndpoint, RefusesBadValuesAndNames) {
  for (const char* uri : {"mock:///", "mock:///a?clock=sundial", "mock:///a?seed=x",
                          "mock+tcp://host/a", "mock:///a/b"})
    EXPECT_FAILS(openMock(uri), kInvalidArgument) << uri;
}

TEST(MockEndpoint, OfOneNameSharesOneEngine) {
  const auto first = openMock("mock:///shared?clock=virtual");
  const auto created = (*first)->create({.name = "there", .image = "a"}, {});
  ASSERT_TRUE(created);
  const auto second = openMock("mock:///shared?clock=virtual");
  EXPECT_TRUE((*second)->inspect(created->id, {}));
  const auto other = openMock("mock:///not-shared?clock=virtual");
  EXPECT_FAILS((*other)->inspect(created->id, {}), kNotFound);
}

TEST(MockEndpoint, OpenedAgainFindsTheSameRun) {
  RunId run;
  ContainerId id;
  {
    const auto first = openMock("mock:///reopened");
    id = (*first)->run({.image = "a"}, {})->id;
    run.started_at = *(*first)->inspect(id, {})->started_at;
  }
  const auto second = openMock("mock:///reopened");
  const auto info = (*second)->inspect(id, {});
  ASSERT_TRUE(info);
  EXPECT_EQ(info->state, ContainerState::kRunning);
  EXPECT_EQ(info->started_at, run.started_at);
}

TEST(MockEndpoint, RefusesAnotherClockWhileOneIsOpen) {
  auto first = openMock("mock:///clocks?clock=virtual");
  EXPECT_FAILS(openMock("mock:///clocks?clock=real"), kInvalidArgument);
  first->reset();
  EXPECT_TRUE(openMock("mock:///clocks?clock=real"));
}

TEST(MockEndpoint, TakesTheHostsFakeClock) {
  const auto clock = std::make_shared<testing::FakeClock>();
  const auto opened = openMock("mock:///hosts", {.clock = clock});
  EXPECT_EQ(&(*opened)->clock(), clock.get());
  EXPECT_EQ((*opened)->extension<testing::MockControl>()->fakeClock(), clock.get());
}

TEST(MockEndpoint, GivesTheSameIdsForTheSameSeed) {
  const auto idOf = [](const std::string& uri) {
    return (*openMock(uri))->create({.image = "a"}, {})->id.value;
  };
  EXPECT_EQ(idOf("mock:///seed1?seed=7"), idOf("mock:///seed2?seed=7"));
  EXPECT_NE(idOf("mock:///seed3?seed=8"), idOf("mock:///seed4?seed=9"));
}

TEST_F(MockRuntimeTest, KeepsEveryFieldOfASpecification) {
  ContainerSpec spec{.name = "full", .image = "a:1", .entrypoint = {"/x"}, .command = {"y", "z"}};
  spec.environment = {{"A", "1"}, {"B", "2"}};
  spec.labels = {{"l", "m"}};
  spec.tty = spec.open_stdin = spec.init = spec.no_new_privileges = spec.read_only_root = true;
  spec.stop_signal = Signal{3};
  spec.stop_timeout = 7s;
  spec.limits = {.memory_bytes = 64 << 20, .nano_cpus = 500000000, .pids = 10};
  spec.ports = {{.container_port = 80, .host_port = 8080}};
  spec.mounts = {{.source = "/srv", .target = "/data", .read_only = true}};
  spec.drop_capabilities = {"ALL"};
  const ContainerSpec kept = look(create(spec)).spec;
  EXPECT_EQ(kept.entrypoint, spec.entrypoint);
  EXPECT_EQ(kept.command, spec.command);
  EXPECT_EQ(kept.environment, spec.environment);
  EXPECT_EQ(kept.labels, spec.labels);
  EXPECT_TRUE(kept.tty && kept.open_stdin && kept.init && kept.no_new_privileges);
  EXPECT_EQ(kept.stop_signal, spec.stop_signal);
  EXPECT_EQ(kept.stop_timeout, spec.stop_timeout);
  EXPECT_EQ(kept.limits, spec.limits);
  EXPECT_EQ(kept.ports, spec.ports);
  EXPECT_EQ(kept.mounts, spec.mounts);
  EXPECT_EQ(kept.drop_capabilities, spec.drop_capabilities);
}

TEST_F(MockRuntimeTest, RefusesATakenNameAndKeepsTheExisting) {
  const ContainerId first = create({.name = "web"});
  EXPECT_FAILS(runtime->create({.name = "web", .image = "other"}, {}), kAlreadyExists);
  EXPECT_EQ(look({"web"}).id, first);
}

TEST_F(MockRuntimeTest, RefusesWhatCanNeverBe) {
  EXPECT_FAILS(runtime->create({.name = "a b", .image = "a"}, {}), kInvalidArgument);
  EXPECT_FAILS(runtime->create({.image = ""}, {}), kInvalidArgument);
  EXPECT_FAILS(runtime->create({.image = "a", .engine_options = {{"x", "y"}}}, {}),
               kInvalidArgument);
  EXPECT_FAILS(runtime->create({.image = "a", .limits = {.memory_bytes = 1}}, {}),
               kInvalidArgument);
  EXPECT_FAILS(runtime->create({.image = "mock/missing:latest"}, {}), kImageNotFound);
}

TEST_F(MockRuntimeTest, SaysNotFoundOfWhatIsNotThere) {
  const ContainerId nobody{"nobody"};
  EXPECT_FAILS(runtime->inspect(nobody, {}), kNotFound);
  EXPECT_FAILS(runtime->start(nobody, {}), kNotFound);
  EXPECT_FAILS(runtime->signal(nobody, Signal::term(), {}), kNotFound);
  EXPECT_FAILS(runtime->watchExit(nobody, {}), kNotFound);
  EXPECT_FAILS(runtime->logs(nobody, {}, {}), kNotFound);
  EXPECT_FAILS(runtime->attach(nobody, {}, {}), kNotFound);
  EXPECT_FAILS(runtime->exec(nobody, {.command = {"true"}}, {}), kNotFound);
  EXPECT_FAILS(runtime->update(nobody, {}, {}), kNotFound);
  EXPECT_EQ(*runtime->remove(nobody, {}, {}), RemoveOutcome::kAbsent);
}

TEST_F(MockRuntimeTest, StartsOnceAndGivesEachRunAPidOfItsOwn) {
  const ContainerId id = run({});
  EXPECT_EQ(*runtime->start(id, {}), StartOutcome::kAlreadyRunning);
  const auto first = look(id);
  send(id, 9);
  EXPECT_EQ(*runtime->signal(id, Signal::term(), {}), SignalOutcome::kNotRunning);
  ASSERT_TRUE(runtime->start(id, {}));
  EXPECT_NE(look(id).pid, first.pid);
  EXPECT_NE(look(id).started_at, first.started_at);
  EXPECT_FALSE(look(id).exit);
}

TEST_F(MockRuntimeTest, FailsTheStartOfAMissingProgram) {
  const ContainerId id = create({.command = {"/nonexistent/program"}});
  EXPECT_FAILS(runtime->start(id, {}), kStartFailed);
  EXPECT_THAT(look(id).error, HasSubstr("/nonexistent/program"));
}

TEST_F(MockRuntimeTest, RefusesAPortThatARunningContainerHas) {
  const PortMapping port{.container_port = 80, .host_port = 8080};
  const ContainerId first = run({.ports = {port}});
  const ContainerId second = create({.ports = {port}});
  EXPECT_FAILS(runtime->start(second, {}), kPortConflict);
  EXPECT_EQ(state(second), ContainerState::kCreated);
  send(first, 9);
  EXPECT_TRUE(runtime->start(second, {}));
}

TEST_F(MockRuntimeTest, FindsFreePorts) {
  const ContainerId id = run({.ports = {{.container_port = 80}, {.container_port = 81}}});
  const auto ports = look(id).spec.ports;
  EXPECT_NE(ports[0].host_port, 0);
  EXPECT_NE(ports[0].host_port, ports[1].host_port);
  send(id, 9);
  EXPECT_EQ(look(id).spec.ports[0].host_port, 0);
}

TEST_F(MockRuntimeTest, RemovesARunningContainerOnlyByForce) {
  const ContainerId id = run({.name = "web"});
  EXPECT_FAILS(runtime->remove(id, {}, {}), kWrongState);
  EXPECT_EQ(*runtime->remove(id, {.force = true}, {}), RemoveOutcome::kRemoved);
  EXPECT_TRUE(runtime->create({.name = "web", .image = "a"}, {}));
}

TEST_F(MockRuntimeTest, ListsByLabelAndState) {
  create({.name = "one", .labels = {{"k", "v"}}});
  run({.name = "two", .labels = {{"k", "w"}}});
  EXPECT_EQ(runtime->list({}, {})->size(), 2u);
  EXPECT_EQ(runtime->list({.labels = {{"k", ""}}}, {})->size(), 2u);
  EXPECT_EQ(runtime->list({.labels = {{"k", "v"}}}, {})->front().name, "one");
  EXPECT_EQ(runtime->list({.states = {ContainerState::kRunning}}, {})->front().name, "two");
}

TEST_F(MockRuntimeTest, WatchArmedBeforeTheStartSeesAnInstantExit) {
  const ContainerId id = create({.command = {"sh", "-c", "exit 3"}});
  const auto exit = watch(id);
  ASSERT_TRUE(runtime->start(id, {}));
  EXPECT_EQ(exit->noticed(kAtOnce)->exit_code, 3);
  EXPECT_EQ(exit->exited(kAtOnce)->exit_code, 3);
}

TEST_F(MockRuntimeTest, WatchIsBoundToItsRun) {
  const ContainerId id = run({});
  const auto exit = watch(id);
  ASSERT_TRUE(mock->crash(id, 3));
  ASSERT_TRUE(runtime->start(id, {}));
  ASSERT_TRUE(mock->crash(id, 4));
  EXPECT_EQ(exit->exited({})->exit_code, 3);
  const auto late = watch(id);
  EXPECT_FAILS(late->exited(kAtOnce), kDeadlineExceeded);
}

TEST_F(MockRuntimeTest, WatchEndsWhenTheContainerIsRemoved) {
  const ContainerId never_run = create({});
  const auto exit = watch(never_run);
  ASSERT_TRUE(runtime->remove(never_run, {}, {}));
  EXPECT_FAILS(exit->exited({}), kNotFound);
}

TEST_F(MockRuntimeTest, WatchPollsReadableWhenTheRunIsOver) {
  const ContainerId id = run({});
  const auto exit = watch(id);
  EXPECT_FALSE(readable(exit->pollFd()));
  send(id, 9);
  EXPECT_TRUE(readable(exit->pollFd()));
}

TEST_F(MockRuntimeTest, CancelledWaitIsCancelledAndNotAnExit) {
  const ContainerId id = run({});
  const auto exit = watch(id);
  std::stop_source source;
  std::thread canceller([&] {
    clock->awaitWaiters(1);
    source.request_stop();
  });
  EXPECT_FAILS(exit->exited({.cancellation = source.get_token()}), kCancelled);
  canceller.join();
  EXPECT_EQ(state(id), ContainerState::kRunning);
}

TEST_F(MockRuntimeTest, CancellingAWatchUnblocksIt) {
  const auto exit = watch(run({}));
  std::thread canceller([&] {
    clock->awaitWaiters(1);
    exit->cancel();
  });
  EXPECT_FAILS(exit->exited({}), kCancelled);
  canceller.join();
  EXPECT_TRUE(readable(exit->pollFd()));
}

TEST_F(MockRuntimeTest, WaitEndsAtItsDeadline) {
  const auto exit = watch(run({}));
  std::thread mover([&] {
    clock->awaitWaiters(1);
    clock->advance(5s);
  });
  EXPECT_FAILS(exit->exited(CallContext::within(5s, *clock)), kDeadlineExceeded);
  mover.join();
}

TEST_F(MockRuntimeTest, ConcurrentWaitersGetTheSameStatus) {
  const ContainerId id = run({});
  std::vector<std::thread> threads;
  std::vector<int> codes(4, -1);
  for (std::size_t i = 0; i < codes.size(); ++i)
    threads.emplace_back([&, i, exit = std::shared_ptr(watch(id))] {
      codes[i] = exit->exited({})->exit_code.value_or(-1);
    });
  clock->awaitWaiters(4);
  ASSERT_TRUE(mock->crash(id, 9));
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(codes, ElementsAre(9, 9, 9, 9));
}

TEST_F(MockRuntimeTest, StatisticsFollowTheLabelsAndStartAnewWithARun) {
  const ContainerId ids[] = {
      runWith({{"mock.cpu_percent", "25"}, {"mock.memory_bytes", "1048576"}})};
  const auto first = runtime->stats(ids, {})[0];
  clock->advance(10s);
  const auto second = runtime->stats(ids, {})[0];
  EXPECT_EQ(*second->cpu_time - *first->cpu_time, 2500ms);
  EXPECT_EQ(second->memory_working_set_bytes, 1048576u);
  EXPECT_GT(second->network_rx_bytes, first->network_rx_bytes);
  EXPECT_FALSE(second->memory_limit_bytes);
  send(ids[0], 9);
  ASSERT_TRUE(runtime->start(ids[0], {}));
  const auto third = runtime->stats(ids, {})[0];
  EXPECT_EQ(third->cpu_time, Duration::zero());
  EXPECT_NE(third->run, second->run);
}

TEST_F(MockRuntimeTest, StatisticsFailForEachEntryOnItsOwn) {
  const ContainerId ids[] = {run({}), {"nobody"}, create({})};
  const auto samples = runtime->stats(ids, {});
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_TRUE(samples[0]);
  EXPECT_FAILS(samples[1], kNotFound);
  EXPECT_FAILS(samples[2], kWrongState);
}

TEST_F(MockRuntimeTest, UpdateHoldsBackTheCpu) {
  const ContainerId ids[] = {runWith({{"mock.cpu_percent", "100"}})};
  ASSERT_TRUE(runtime->update(ids[0], {.nano_cpus = 500000000}, {}));
  clock->advance(10s);
  EXPECT_EQ(runtime->stats(ids, {})[0]->cpu_time, 5s);
  EXPECT_EQ(runtime->stats(ids, {})[0]->cpu_throttled, 5s);
}

TEST_F(MockRuntimeTest, UpdateOfTheMemoryAloneKeepsTheSwap) {
  const ContainerId id =
      create({.limits = {.memory_bytes = 32 << 20, .memory_swap_bytes = 48 << 20}});
  ASSERT_TRUE(runtime->update(id, {.memory_bytes = 128 << 20}, {}));
  EXPECT_EQ(look(id).spec.limits.memory_swap_bytes, 144 << 20);
  const ContainerId unlimited =
      create({.limits = {.memory_bytes = 32 << 20, .memory_swap_bytes = -1}});
  ASSERT_TRUE(runtime->update(unlimited, {.memory_bytes = 128 << 20}, {}));
  EXPECT_EQ(look(unlimited).spec.limits.memory_swap_bytes, -1);
}

TEST_F(MockRuntimeTest, LogsAndAttachRefuseWhatARealEngineRefuses) {
  const ContainerId id = create({});
  EXPECT_FAILS(runtime->logs(id, {.standard_output = false, .standard_error = false}, {}),
               kInvalidArgument);
  EXPECT_FAILS(runtime->logs(id, {.tail_lines = -1}, {}), kInvalidArgument);
  EXPECT_FAILS(runtime->attach(id, {.standard_input = false}, {}), kInvalidArgument);
  EXPECT_FAILS(runtime->attach(id, {}, {}), kUnsupported);
}

TEST_F(MockRuntimeTest, LogsTailLines) {
  const ContainerId id = runScript("echo 1; echo 2; echo -n 3; sleep 100");
  EXPECT_EQ(logged(id, {.tail_lines = 2}), "2\n3");
  EXPECT_EQ(logged(id, {.tail_lines = 0}), "");
  EXPECT_EQ(logged(id, {.tail_lines = 99}), "1\n2\n3");
}

TEST_F(MockRuntimeTest, LogsBetweenTwoMoments) {
  const ContainerId id = runScript("echo 1; sleep 1; echo 2; sleep 1; echo 3; sleep 9");
  const WallTime start = clock->wallNow();
  clock->advance(5s);
  EXPECT_EQ(logged(id, {.since = start + 1s, .until = start + 1s}), "2\n");
}

TEST_F(MockRuntimeTest, LogsFollowToTheEndOfTheRun) {
  const ContainerId id = runScript("echo 1; sleep 1; echo 2");
  auto log = runtime->logs(id, {.follow = true, .timestamps = true}, {});
  EXPECT_EQ((*(*log)->next({}))->bytes, "1\n");
  EXPECT_FAILS((*log)->next(kAtOnce), kDeadlineExceeded);
  EXPECT_FALSE(readable((*log)->pollFd()));
  clock->advance(1s);
  EXPECT_TRUE(readable((*log)->pollFd()));
  EXPECT_TRUE((**(*log)->next({})).at);
  EXPECT_FALSE(*(*log)->next({}));
  EXPECT_FALSE(*(*log)->next({}));
}

TEST_F(MockRuntimeTest, LogsOfATerminalAreOneStream) {
  const ContainerId id = run({.command = {"sh", "-c", "echo a; echo b >&2"}, .tty = true});
  auto log = runtime->logs(id, {}, {});
  for (int i = 0; i < 2; ++i) EXPECT_EQ((*(*log)->next({}))->source, OutputSource::kConsole);
  EXPECT_EQ(logged(id), "a\r\nb\r\n");
}

TEST_F(MockRuntimeTest, LogsSayWhereOldOutputWasDropped) {
  const ContainerId id = run({});
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(mock->print(id, std::string(100000, 'x') + "\n"));
  EXPECT_THAT(logged(id), ::testing::StartsWith("<gap>x"));
}

TEST_F(MockRuntimeTest, AttachBeforeTheStartReceivesTheFirstByte) {
  const ContainerId id = create({.command = {"sh", "-c", "echo first"}});
  auto console = runtime->attach(id, {.standard_input = false, .standard_output = true}, {});
  ASSERT_TRUE(runtime->start(id, {}));
  EXPECT_EQ(readAll(**console), "first\n");
}

TEST_F(MockRuntimeTest, AttachedInputReachesTheProcessAndItsEndToo) {
  const ContainerId id = run({.command = {"cat"}, .open_stdin = true});
  auto console = runtime->attach(id, {.standard_output = true}, {});
  ASSERT_TRUE((*console)->write("one\n", {}));
  EXPECT_EQ(state(id), ContainerState::kRunning);
  ASSERT_TRUE((*console)->closeInput({}));
  EXPECT_EQ(readAll(**console), "one\n");
  EXPECT_EQ(exitCode(id), 0);
}

TEST_F(MockRuntimeTest, DetachingDoesNotStopTheContainer) {
  const ContainerId id = run({.command = {"cat"}, .open_stdin = true});
  runtime->attach(id, {}, {})->reset();
  EXPECT_EQ(state(id), ContainerState::kRunning);
}

TEST_F(MockRuntimeTest, WritingWithoutInputIsUnsupported) {
  const ContainerId id = run({.open_stdin = true});
  auto console = runtime->attach(id, {.standard_input = false, .standard_output = true}, {});
  EXPECT_FAILS((*console)->write("x", {}), kUnsupported);
}

TEST_F(MockRuntimeTest, ExecGivesItsExitCodeOnlyOnceItsOutputIsRead) {
  auto session = runtime->exec(run({}), {.command = {"sh", "-c", "echo out; exit 3"}}, {});
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_FAILS((*session)->exitCode({}), kWrongState);
  EXPECT_EQ(readAll(**session), "out\n");
  EXPECT_EQ(*(*session)->exitCode({}), 3);
}

TEST_F(MockRuntimeTest, ExecOfAMissingProgramSaysSo) {
  auto session = runtime->exec(run({}), {.command = {"/nonexistent"}}, {});
  EXPECT_FALSE(*(*session)->next({}));
  EXPECT_FAILS((*session)->exitCode({}), kNotFound);
}

TEST_F(MockRuntimeTest, ExecNeedsARunningContainer) {
  EXPECT_FAILS(runtime->exec(create({}), {.command = {"true"}}, {}), kWrongState);
}

TEST_F(MockRuntimeTest, ExecEndsWithItsContainer) {
  const ContainerId id = run({});
  auto session = runtime->exec(id, {.command = {"sleep", "100"}}, {});
  send(id, 9);
  EXPECT_FALSE(*(*session)->next({}));
  EXPECT_EQ(*(*session)->exitCode({}), 137);
}

TEST_F(MockRuntimeTest, EventsComeInOrder) {
  auto events = runtime->events({}, {});
  const ContainerId id = create({.command = {"true"}});
  ASSERT_TRUE(runtime->start(id, {}));
  ASSERT_TRUE(runtime->remove(id, {}, {}));
  EXPECT_TRUE(readable((*events)->pollFd()));
  EXPECT_THAT(drain(**events), ElementsAre(EventType::kCreated, EventType::kStarted,
                                           EventType::kExited, EventType::kRemoved));
  EXPECT_FALSE(readable((*events)->pollFd()));
}

TEST_F(MockRuntimeTest, EventsAreFilteredByLabel) {
  auto events = runtime->events({.labels = {{"mine", "yes"}}}, {});
  create({.labels = {{"mine", "no"}}});
  create({});
  create({.labels = {{"mine", "yes"}}});
  EXPECT_THAT(drain(**events), ElementsAre(EventType::kCreated));
}

TEST_F(MockRuntimeTest, SlowReaderOfEventsFindsAGap) {
  auto slow = runtime->events({}, {});
  const ContainerId id = run({});
  for (int i = 0; i < 2000; ++i) send(id, 28);
  auto types = drain(**slow);
  ASSERT_EQ(types.size(), 1025u);
  EXPECT_EQ(types.back(), EventType::kGap);
  send(id, 9);
  types = drain(**slow);
  EXPECT_EQ(types.back(), EventType::kExited);
}

TEST_F(MockRuntimeTest, PullShowsTwoLayersAndThenTheImage) {
  const std::string image = "example/pullable:1";
  EXPECT_FAILS(runtime->findImage(image, {}), kImageNotFound);
  std::set<std::string> layers;
  const auto report = runtime->ensureImage(image, PullPolicy::kIfMissing, {},
                                           [&](const PullProgress& progress) {
                                             if (!progress.layer.empty())
                                               layers.insert(progress.layer);
                                           },
                                           {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->pulled);
  EXPECT_EQ(layers.size(), 2u);
}

TEST_F(MockRuntimeTest, AbandonedPullBringsNoImage) {
  auto pull = runtime->pull("example/pullable:2", {}, {});
  EXPECT_TRUE(*(*pull)->next({}));
  pull->reset();
  EXPECT_FAILS(runtime->findImage("example/pullable:2", {}), kImageNotFound);
}

TEST_F(MockRuntimeTest, PullOfAMissingImageFailsInItsStream) {
  const auto report =
      runtime->ensureImage("mock/missing:latest", PullPolicy::kIfMissing, {}, {}, {});
  EXPECT_FAILS(report, kImageNotFound);
}

TEST_F(MockRuntimeTest, PullWithoutCredentialsIsRefused) {
  EXPECT_FAILS(runtime->ensureImage("a/private/b", PullPolicy::kIfMissing, {}, {}, {}),
               kPermissionDenied);
  const PullOptions options{.credentials = RegistryCredentials{.password = "right"}};
  EXPECT_TRUE(runtime->ensureImage("a/private/b", PullPolicy::kIfMissing, options, {}, {}));
}

TEST_F(MockRuntimeTest, HonoursADeadlineInThePastAndACancellation) {
  const ContainerId id = run({});
  std::stop_source cancelled;
  cancelled.request_stop();
  const CallContext gone{.cancellation = cancelled.get_token()};
  EXPECT_FAILS(runtime->inspect(id, kAtOnce), kDeadlineExceeded);
  EXPECT_FAILS(runtime->signal(id, Signal::kill(), kAtOnce), kDeadlineExceeded);
  EXPECT_FAILS(runtime->signal(id, Signal::kill(), gone), kCancelled);
  EXPECT_FAILS(runtime->stats(std::span(&id, 1), gone)[0], kCancelled);
  EXPECT_EQ(state(id), ContainerState::kRunning);
}

TEST_F(MockRuntimeTest, StopsManyTimesInNoTimeOfOurOwn) {
  clock->setAutoAdvance(true);
  const ContainerId id = create({.command = {"sleep", "infinity"}});
  const TimePoint before = clock->now();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(runtime->start(id, {}));
    ASSERT_EQ(runtime->stop(id, {.timeout = 30s}, {})->outcome, StopOutcome::kKilled);
  }
  EXPECT_EQ(clock->now() - before, 30000s);
}

}  // namespace
}  // namespace control::mock

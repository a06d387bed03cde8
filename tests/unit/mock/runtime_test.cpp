// The primitives of the mock's runtime.

#include <thread>

#include "mock_fixture.h"

namespace control::mock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MockRuntimeTest : public MockTest {
 protected:
  std::unique_ptr<ExitWatch> watch(const ContainerId& id) {
    auto armed = runtime->watchExit(id, {});
    EXPECT_TRUE(armed) << armed.error().message;
    return armed ? std::move(*armed) : nullptr;
  }
};

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

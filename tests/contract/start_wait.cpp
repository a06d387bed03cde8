#include <sys/utsname.h>

#include <csignal>
#include <cstdio>
#include <utility>

#include "contract/conformance.h"

namespace control::conform {
namespace {

MUST(Start, start_running_reports_already_running) {
  const ContainerId id = run(obedient());
  const auto before = look(id);
  const auto again = runtime().start(id, soon());
  ASSERT_OK(again);
  EXPECT_EQ(*again, StartOutcome::kAlreadyRunning);
  EXPECT_EQ(look(id).started_at, before.started_at);
}

MUST(Start, start_bad_entrypoint_is_start_failed_and_inspectable) {
  ContainerSpec spec = shell("true");
  spec.command = {"/no-such-program"};
  const ContainerId id = create(spec);
  EXPECT_CODE(runtime().start(id, soon()), kStartFailed);
  const auto info = look(id);
  EXPECT_FALSE(info.running());
  EXPECT_FALSE(info.error.empty()) << "inspect does not say why it did not start";
  const auto removed = runtime().remove(id, {}, soon());
  ASSERT_OK(removed);
  EXPECT_EQ(*removed, RemoveOutcome::kRemoved);
}

MUST(Start, start_port_conflict_is_port_conflict, Capability::kPorts) {
  ContainerSpec first = obedient();
  first.network = NetworkMode::kDefault;
  first.ports = {{.container_port = 80}};
  const auto ports = look(run(first)).spec.ports;
  ASSERT_EQ(ports.size(), 1U);
  ASSERT_NE(ports[0].host_port, 0) << "the port that was bound is not told";
  ContainerSpec second = obedient();
  second.network = NetworkMode::kDefault;
  second.ports = {{.container_port = 80, .host_port = ports[0].host_port}};
  const ContainerId id = create(second);
  EXPECT_CODE(runtime().start(id, soon()), kPortConflict);
  EXPECT_FALSE(look(id).running());
}

MUST(Start, watch_armed_before_start_sees_instant_exit) {
  for (int round = 0; round < 3; ++round) {
    const ContainerId id = create(shell("exit 7"));
    const auto armed = watch(id);
    ASSERT_NE(armed, nullptr);
    ASSERT_OK(runtime().start(id, soon()));
    const auto exit = armed->exited(soon());
    ASSERT_OK(exit);
    EXPECT_EQ(exit->exit_code, 7);
    EXPECT_EQ(exit->run.container, id);
    EXPECT_EQ(exit->run.started_at, look(id).started_at);
  }
}

MUST(Start, wait_after_exit_returns_recorded_status) {
  const ContainerId id = run(shell("exit 9"));
  const ExitStatus first = awaitExit(id);
  EXPECT_EQ(first.exit_code, 9);
  const ExitStatus again = awaitExit(id);
  EXPECT_EQ(again.exit_code, 9);
  EXPECT_EQ(again.run, first.run);
}

MUST(Start, concurrent_waiters_get_the_same_status) {
  const ContainerId id = runReady(obedient());
  const StillTime still(*this);
  std::vector<std::future<Result<ExitStatus>>> waiters;
  for (int i = 0; i < 4; ++i)
    waiters.push_back(inBackground([&] { return runtime().wait(id, soon()); }));
  ASSERT_OK(runtime().signal(id, Signal::term(), soon()));
  for (auto& waiter : waiters) {
    const auto exit = waiter.get();
    ASSERT_OK(exit);
    EXPECT_EQ(exit->exit_code, 42);
    EXPECT_EQ(exit->run.started_at, look(id).started_at);
  }
}

MUST(Start, nonzero_exit_is_not_an_error) {
  for (const int code : {1, 125, 126, 127, 255}) {
    const ContainerId id = run(shell("exit " + std::to_string(code)));
    const auto exit = runtime().wait(id, soon());
    ASSERT_OK(exit);
    EXPECT_EQ(exit->exit_code, code);
    EXPECT_EQ(look(id).error, "");
  }
}

MUST(Start, cancelled_wait_is_cancelled_not_an_exit) {
  const ContainerId id = run(obedient());
  const StillTime still(*this);
  const auto armed = watch(id);
  ASSERT_NE(armed, nullptr);
  std::stop_source stop;
  CallContext context = soon();
  context.cancellation = stop.get_token();
  auto waiting = inBackground([&] { return runtime().wait(id, context); });
  auto watching = inBackground([&] { return armed->exited(context); });
  stop.request_stop();
  EXPECT_CODE(waiting.get(), kCancelled);
  EXPECT_CODE(watching.get(), kCancelled);
  auto noticing = inBackground([&] { return armed->noticed(soon()); });
  armed->cancel();
  EXPECT_CODE(noticing.get(), kCancelled);
  EXPECT_CODE(armed->exited(soon()), kCancelled);
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

MUST(Start, connection_loss_in_wait_is_unavailable_not_an_exit, Means::kFault) {
  Faults* const faulty = faults();
  if (faulty == nullptr) return;
  const ContainerId created = create(obedient());
  const ContainerId running = run(obedient());
  const StillTime still(*this);
  const auto before_start = watch(created);
  const auto during_run = watch(running);
  ASSERT_TRUE(before_start && during_run);
  auto first = inBackground([&] { return before_start->exited(soon()); });
  faulty->goDown();
  EXPECT_CODE(first.get(), kUnavailable);
  EXPECT_CODE(runtime().wait(running, soon()), kUnavailable);
  faulty->comeBack();
  EXPECT_EQ(look(running).state, ContainerState::kRunning);
}

MUST(Start, wait_on_removed_container_ends) {
  const ContainerId created = create(obedient());
  const ContainerId running = run(obedient());
  const auto first = watch(created);
  const auto second = watch(running);
  ASSERT_TRUE(first && second);
  const StillTime still(*this);
  auto never_ran = inBackground([&] { return first->exited(soon()); });
  auto was_killed = inBackground([&] { return second->exited(soon()); });
  EXPECT_OK(runtime().remove(created, {}, soon()));
  EXPECT_OK(runtime().remove(running, {.force = true}, soon()));
  EXPECT_CODE(never_ran.get(), kNotFound);
  const auto exit = was_killed.get();
  if (exit) {
    EXPECT_EQ(exit->exit_code.value_or(137), 137);
  } else {
    EXPECT_CODE(exit, kNotFound);
  }
}

MUST(Start, exit_by_signal_reports_the_signal) {
  const ContainerId id = run(obedient());
  const auto armed = watch(id);
  ASSERT_NE(armed, nullptr);
  ASSERT_OK(runtime().signal(id, Signal::kill(), soon()));
  const auto exit = armed->exited(soon());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->exit_code, 128 + SIGKILL);
  // Which signal it was is told where the kernel says so, and never another one.
  EXPECT_EQ(exit->signal.value_or(Signal::kill()), Signal::kill());
  const ExitStatus plain = awaitExit(run(shell("exit 137")));
  EXPECT_EQ(plain.exit_code, 137);
  EXPECT_FALSE(plain.signal) << "an exit code of 137 is no signal";
}

/// Since 6.15 one need not be the parent of a process to be told how it ended.
bool kernelTellsEverybody() {
  utsname kernel{};
  int major = 0;
  int minor = 0;
  return ::uname(&kernel) == 0 && std::sscanf(kernel.release, "%d.%d", &major, &minor) == 2 &&
         std::pair(major, minor) >= std::pair(6, 15);
}

SHOULD(Start, signal_that_ended_a_run_is_told) {
  const ContainerId id = create(obedient());
  const auto armed = watch(id);
  ASSERT_NE(armed, nullptr);
  ASSERT_OK(runtime().start(id, soon()));
  ASSERT_OK(runtime().signal(id, Signal::kill(), soon()));
  const auto exit = armed->exited(soon());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->exit_code, 137);
  EXPECT_EQ(exit->signal.value_or(Signal::kill()), Signal::kill());
  // Who has it from the kernel can tell no more than that does.
  const bool is_known = !has(Capability::kExitFromKernel) || isMock() || kernelTellsEverybody();
  if (is_known) {
    EXPECT_TRUE(exit->signal)
        << "the exit code may be the process's own: whoever knows that it was "
           "a signal says so in ExitStatus::signal";
  }
}

MUST(Start, sigkill_137_is_not_reported_as_oom) {
  const ContainerId id = run(obedient());
  ASSERT_OK(runtime().signal(id, Signal::kill(), soon()));
  const ExitStatus killed = awaitExit(id);
  EXPECT_EQ(killed.exit_code, 137);
  EXPECT_FALSE(killed.oom_killed.value_or(false));
  EXPECT_FALSE(look(id).oom_killed.value_or(false));
  const ContainerId plain = run(shell("exit 137"));
  EXPECT_FALSE(awaitExit(plain).oom_killed.value_or(false));
}

MUST(Start, oom_is_reported_when_capable, Capability::kOomReport) {
  // Not before its start is over: of a cgroup that has gone nobody can ask. The mock engine's
  // processes use no memory: the label says what the kernel would do.
  ContainerSpec spec = shell(isMock() ? "sleep 600"
                                      : "trap 'exec tail /dev/zero' USR1; echo ready;"
                                        " while :; do sleep 0.1; done");
  spec.limits = {.memory_bytes = 16 << 20, .memory_swap_bytes = 16 << 20};
  if (isMock()) spec.labels["mock.oom_after"] = "1ms";
  const ContainerId id = create(spec);
  const auto armed = watch(id);
  ASSERT_NE(armed, nullptr);
  ASSERT_OK(runtime().start(id, soon()));
  if (!isMock()) {
    awaitReady(id);
    ASSERT_OK(runtime().signal(id, Signal{SIGUSR1}, soon()));
  }
  const auto exit = armed->exited(soon());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->exit_code, 137);
  EXPECT_EQ(exit->oom_killed, true);
  EXPECT_EQ(look(id).oom_killed, true);
}

MUST(Start, exit_status_is_bound_to_its_run_across_restart) {
  // Which run it is shows in the exit code: TERM ends the first, USR1 the second.
  const ContainerId id =
      create(shell("trap 'exit 1' TERM; trap 'exit 2' USR1; echo ready; sleep 600 & wait"));
  std::vector<std::unique_ptr<ExitWatch>> watches;
  std::vector<RunId> runs;
  for (const int number : {SIGTERM, SIGUSR1}) {
    watches.push_back(watch(id));
    ASSERT_NE(watches.back(), nullptr);
    ASSERT_OK(runtime().start(id, soon()));
    const auto started_at = look(id).started_at;
    ASSERT_TRUE(started_at);
    runs.push_back({id, *started_at});
    awaitReady(id, static_cast<int>(runs.size()));
    ASSERT_OK(runtime().signal(id, {number}, soon()));
    ASSERT_OK(watches.back()->exited(soon()));
  }
  EXPECT_NE(runs[0], runs[1]);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto exit = watches[i]->exited(soon());
    ASSERT_OK(exit);
    EXPECT_EQ(exit->run, runs[i]);
    EXPECT_EQ(exit->exit_code, static_cast<int>(i) + 1);
  }
  EXPECT_EQ(look(id).exit->exit_code, 2);
}

}  // namespace
}  // namespace control::conform

// A container's name is as good as its id, in every call.

#include "contract/conformance.h"

namespace control::conform {
namespace {

MUST(Names, name_stands_for_the_id_from_start_to_remove) {
  const ContainerSpec spec = obedient();
  const ContainerId id = create(spec);
  const ContainerId name{spec.name};
  EXPECT_EQ(look(name).id, id);
  const auto armed = watch(name);
  ASSERT_NE(armed, nullptr);
  const auto started = runtime().start(name, soon());
  ASSERT_OK(started);
  EXPECT_EQ(*started, StartOutcome::kStarted);
  awaitReady(id);
  const auto sent = runtime().signal(name, Signal::term(), soon());
  ASSERT_OK(sent);
  EXPECT_EQ(*sent, SignalOutcome::kDelivered);
  const auto exit = armed->exited(soon());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->run.container, id);
  EXPECT_EQ(exit->exit_code, 42);
  EXPECT_EQ(awaitExit(name).run, exit->run);
  ASSERT_OK(runtime().restart(name, {}, soon()));
  awaitReady(id, 2);
  const auto stopped = runtime().stop(name, {.timeout = 300s}, soon());
  ASSERT_OK(stopped);
  EXPECT_EQ(stopped->outcome, StopOutcome::kStopped);
  const auto removed = runtime().remove(name, {}, soon());
  ASSERT_OK(removed);
  EXPECT_EQ(*removed, RemoveOutcome::kRemoved);
  EXPECT_CODE(runtime().inspect(id, soon()), kNotFound);
  const auto again = runtime().remove(name, {}, soon());
  ASSERT_OK(again);
  EXPECT_EQ(*again, RemoveOutcome::kAbsent);
}

MUST(Names, name_stands_for_the_id_in_stats, Capability::kStats) {
  const ContainerSpec spec = obedient();
  const ContainerId name{spec.name};
  for (int round = 0; round < 2; ++round) {
    const ContainerId id = run(spec);
    for (const ContainerId& called : {name, id, name}) {
      const auto sample = stats(called);
      ASSERT_OK(sample);
      EXPECT_EQ(sample->run.container, id) << "round " << round;
    }
    ASSERT_OK(runtime().remove(name, {.force = true}, soon()));
    EXPECT_CODE(stats(name), kNotFound);
  }
}

MUST(Names, name_stands_for_the_id_in_logs, Capability::kLogs) {
  const ContainerSpec spec = obedient();
  const ContainerId id = runReady(spec);
  EXPECT_EQ(logged({spec.name}), "ready\n");
  const auto followed = runtime().logs({spec.name}, {.follow = true}, soon());
  ASSERT_OK(followed);
  ASSERT_OK(runtime().signal(id, Signal::kill(), soon()));
  EXPECT_EQ(textOf(readAll(**followed), OutputSource::kStdout), "ready\n");
}

MUST(Names, name_stands_for_the_id_in_exec, Capability::kExec) {
  const ContainerSpec spec = obedient();
  run(spec);
  const auto session =
      runtime().exec({spec.name}, {.command = {"/bin/sh", "-c", "echo out; exit 3"}}, soon());
  ASSERT_OK(session);
  EXPECT_EQ(textOf(readAll(**session), OutputSource::kStdout), "out\n");
  const auto code = (*session)->exitCode(soon());
  ASSERT_OK(code);
  EXPECT_EQ(*code, 3);
}

MUST(Names, name_stands_for_the_id_in_attach, Capability::kAttach) {
  const ContainerSpec spec = shell("echo first");
  create(spec);
  const auto console =
      runtime().attach({spec.name}, {.standard_input = false, .standard_output = true}, soon());
  ASSERT_OK(console);
  ASSERT_OK(runtime().start({spec.name}, soon()));
  EXPECT_EQ(textOf(readAll(**console), OutputSource::kStdout), "first\n");
}

MUST(Names, name_stands_for_the_id_in_update, Capability::kUpdate) {
  ContainerSpec spec = obedient();
  spec.limits = {.memory_bytes = 64 << 20, .pids = 50};
  const ContainerId id = run(spec);
  ASSERT_OK(runtime().update({spec.name}, {.pids = 77}, soon()));
  EXPECT_EQ(look(id).spec.limits.pids, 77);
}

MUST(Names, start_failure_is_told_whatever_the_container_is_called) {
  ContainerSpec spec = shell("true");
  spec.command = {"/no-such-program"};
  const ContainerId id = create(spec);
  EXPECT_CODE(runtime().start({spec.name}, soon()), kStartFailed);
  for (const ContainerId& called : {id, ContainerId{spec.name}})
    EXPECT_FALSE(look(called).error.empty()) << "inspect does not say why it did not start";
}

MUST(Names, start_failure_is_told_no_longer_after_a_start, Capability::kPorts) {
  ContainerSpec first = obedient();
  first.network = NetworkMode::kDefault;
  first.ports = {{.container_port = 80}};
  const ContainerId holder = run(first);
  const auto ports = look(holder).spec.ports;
  ASSERT_EQ(ports.size(), 1U);
  ContainerSpec second = obedient();
  second.network = NetworkMode::kDefault;
  second.ports = {{.container_port = 80, .host_port = ports[0].host_port}};
  const ContainerId id = create(second);
  EXPECT_CODE(runtime().start(id, soon()), kPortConflict);
  EXPECT_FALSE(look(id).error.empty()) << "inspect does not say why it did not start";
  ASSERT_OK(runtime().remove(holder, {.force = true}, soon()));
  ASSERT_OK(runtime().start({second.name}, soon()));
  ASSERT_OK(runtime().kill(id, soon()));
  EXPECT_EQ(look(id).error, "") << "that start succeeded";
}

}  // namespace
}  // namespace control::conform

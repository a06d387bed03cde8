#include <algorithm>

#include "contract/conformance.h"

namespace control::conform {
namespace {

ExecSpec shellCommand(const std::string& script) { return {.command = {"/bin/sh", "-c", script}}; }

MUST(Exec, exec_exit_code_only_after_output_is_drained, Capability::kExec) {
  const ContainerId id = run(obedient());
  const auto session = runtime().exec(id, shellCommand("echo out; echo err >&2; exit 9"), soon());
  ASSERT_OK(session);
  EXPECT_CODE((*session)->exitCode(soon()), kWrongState);
  const auto all = readAll(**session);
  EXPECT_EQ(textOf(all, OutputSource::kStdout), "out\n");
  EXPECT_EQ(textOf(all, OutputSource::kStderr), "err\n");
  const auto code = (*session)->exitCode(soon());
  ASSERT_OK(code);
  EXPECT_EQ(*code, 9);
}

MUST(Exec, exec_large_output_is_complete_or_marked_truncated, Capability::kExec) {
  constexpr std::size_t kSize = 3'000'000;
  std::string on_mock;
  for (int i = 0; i < 300; ++i) on_mock += "echo " + std::string(9'999, 'x') + "; ";
  const ContainerId id = run(obedient());
  const auto session =
      runtime().exec(id, shellCommand(onMock(on_mock, "head -c 3000000 /dev/zero")), soon());
  ASSERT_OK(session);
  const auto all = readAll(**session);
  const bool marked = std::any_of(
      all.begin(), all.end(), [](const Output& one) { return one.source == OutputSource::kGap; });
  const std::size_t size = textOf(all, OutputSource::kStdout).size();
  EXPECT_TRUE(marked ? size < kSize : size == kSize) << size << " bytes of " << kSize;
  const auto code = (*session)->exitCode(soon());
  ASSERT_OK(code);
  EXPECT_EQ(*code, 0);
}

MUST(Exec, exec_missing_binary_is_reported, Capability::kExec) {
  const ContainerId id = run(obedient());
  const auto session = runtime().exec(id, {.command = {"/no-such-program"}}, soon());
  if (!session) {
    EXPECT_CODE(session, kNotFound);
    return;
  }
  readAll(**session);
  EXPECT_CODE((*session)->exitCode(soon()), kNotFound);
}

MUST(Exec, exec_in_stopped_is_wrong_state, Capability::kExec) {
  const ContainerId created = create(obedient());
  const ContainerId exited = run(shell("exit 0"));
  awaitExit(exited);
  for (const ContainerId& id : {created, exited})
    EXPECT_CODE(runtime().exec(id, shellCommand("true"), soon()), kWrongState);
}

MUST(Exec, exec_cancel_leaves_no_process, Capability::kExec, Capability::kStats) {
  // All its processes are there when it is ready.
  const ContainerId id = runReady(isMock() ? obedient() : shell("sleep 600 & echo ready; wait"));
  const auto processes = [&] {
    const auto sample = stats(id);
    return sample ? sample->pids.value_or(0) : 0;
  };
  const auto before = processes();
  {
    const auto session = runtime().exec(id, shellCommand("exec sleep 600"), soon());
    ASSERT_OK(session);
    // Not every engine counts it; where it is counted, it is gone only after it was there.
    for (int tries = 0; !isMock() && tries < 100 && processes() <= before; ++tries) pass(20ms);
    (*session)->cancel();
    EXPECT_CODE((*session)->next(soon()), kCancelled);
  }
  EXPECT_TRUE(eventually([&] { return processes() <= before; }))
      << "its process lives on: there are " << processes() << ", before there were " << before;
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

MUST(Exec, exec_tty_resize_and_stdin, Capability::kExec, Capability::kTty) {
  const ContainerId id = run(obedient());
  ExecSpec spec = shellCommand(onMock("cat", "read line; echo got $line; stty size"));
  spec.tty = true;
  spec.standard_input = true;
  const auto session = runtime().exec(id, spec, soon());
  ASSERT_OK(session);
  ASSERT_OK((*session)->resize(123, 45, soon()));
  ASSERT_OK((*session)->write("hello\n", soon()));
  std::string console;
  const std::string last = onMock("hello", "45 123");
  while (console.find(last) == std::string::npos) {
    const auto item = (*session)->next(soon());
    ASSERT_OK(item);
    ASSERT_TRUE(*item) << "it ended after: " << console;
    EXPECT_EQ((*item)->source, OutputSource::kConsole);
    console += (*item)->bytes;
  }
  EXPECT_NE(console.find("hello"), std::string::npos);
}

MUST(Exec, exec_without_tty_and_stdin_has_neither, Capability::kExec) {
  const ContainerId id = run(obedient());
  const auto plain = runtime().exec(id, shellCommand("sleep 600"), soon());
  ASSERT_OK(plain);
  EXPECT_CODE((*plain)->resize(80, 25, soon()), kUnsupported);
  EXPECT_CODE((*plain)->write("x", soon()), kUnsupported);
}

MUST(Attach, attach_before_start_receives_the_first_byte, Capability::kAttach) {
  const ContainerId id = create(shell("echo first; echo second >&2"));
  const auto console = runtime().attach(
      id, {.standard_input = false, .standard_output = true, .standard_error = true}, soon());
  ASSERT_OK(console);
  ASSERT_OK(runtime().start(id, soon()));
  const auto all = readAll(**console);
  EXPECT_EQ(textOf(all, OutputSource::kStdout), "first\n");
  EXPECT_EQ(textOf(all, OutputSource::kStderr), "second\n");
  EXPECT_CODE((*console)->write("x", soon()), kUnsupported);
}

MUST(Attach, attach_of_no_stream_is_invalid_argument, Capability::kAttach) {
  EXPECT_CODE(runtime().attach(create(obedient()), {.standard_input = false}, soon()),
              kInvalidArgument);
}

MUST(Attach, attach_stdin_reaches_the_process, Capability::kAttach, Capability::kLogs) {
  for (const bool tty : {false, true}) {
    if (tty && !has(Capability::kTty)) continue;
    ContainerSpec spec = shell("cat");
    spec.open_stdin = true;
    spec.tty = tty;
    const ContainerId id = run(spec);
    const auto console = runtime().attach(id, {}, soon());
    ASSERT_OK(console);
    ASSERT_OK((*console)->write("hello\n", soon()));
    awaitText(id, "hello");
  }
  EXPECT_CODE(runtime().attach(run(obedient()), {}, soon()), kUnsupported);
}

MUST(Attach, attach_stdin_half_close, Capability::kAttach) {
  ContainerSpec spec = shell("cat; exit 5");
  spec.open_stdin = true;
  const ContainerId id = create(spec);
  const auto console = runtime().attach(id, {.standard_output = true}, soon());
  ASSERT_OK(console);
  ASSERT_OK(runtime().start(id, soon()));
  ASSERT_OK((*console)->write("hello\n", soon()));
  const auto closed = (*console)->closeInput(soon());
  if (!closed) {
    // The engine cannot end it alone, says so, and nothing else has changed.
    EXPECT_CODE(closed, kUnsupported);
    EXPECT_OK((*console)->write("more\n", soon()));
    const auto item = (*console)->next(soon());
    ASSERT_OK(item);
    ASSERT_TRUE(*item);
    EXPECT_EQ((*item)->bytes.substr(0, 6), "hello\n");
    EXPECT_EQ(look(id).state, ContainerState::kRunning);
    return;
  }
  EXPECT_EQ(textOf(readAll(**console), OutputSource::kStdout), "hello\n");
  EXPECT_EQ(awaitExit(id).exit_code, 5);
}

MUST(Attach, detach_does_not_stop_the_container, Capability::kAttach) {
  ContainerSpec spec = shell("cat");
  spec.open_stdin = true;
  spec.tty = has(Capability::kTty);
  const ContainerId id = run(spec);
  for (int round = 0; round < 2; ++round) {
    {
      const auto console = runtime().attach(id, {}, soon());
      ASSERT_OK(console);
      ASSERT_OK((*console)->write("hello\n", soon()));
    }
    pass(200ms);
    EXPECT_EQ(look(id).state, ContainerState::kRunning);
  }
}

}  // namespace
}  // namespace control::conform

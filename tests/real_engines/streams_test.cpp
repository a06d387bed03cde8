#include <poll.h>

#include <algorithm>
#include <thread>

#include "real_engines/engine_test.h"
#include "support/footprint.h"

namespace control::test {
namespace {

TEST_F(EngineTest, LogsKeepStdoutAndStderrApart) {
  const ContainerId id = run(shell("echo out; echo err >&2; printf 'bin\\001\\377'"));
  ASSERT_TRUE(runtime_->wait(id, soon()));
  const auto logs = runtime_->logs(id, {}, soon());
  ASSERT_TRUE(logs) << logs.error().message;
  const auto all = readAll(**logs);
  EXPECT_EQ(textOf(all, OutputSource::kStderr), "err\n");
  EXPECT_EQ(textOf(all, OutputSource::kStdout).substr(0, 7), "out\nbin");
}

TEST_F(EngineTest, LogsOfATerminalAreOneStream) {
  ContainerSpec spec = shell("echo out; echo err >&2");
  spec.tty = true;
  const ContainerId id = run(spec);
  ASSERT_TRUE(runtime_->wait(id, soon()));
  const auto logs = runtime_->logs(id, {}, soon());
  ASSERT_TRUE(logs) << logs.error().message;
  EXPECT_EQ(textOf(readAll(**logs), OutputSource::kConsole), "out\r\nerr\r\n");
}

TEST_F(EngineTest, LogsFollowUntilTheExitWithEveryByte) {
  const ContainerId id =
      run(shell("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; exit 3"));
  const auto logs = runtime_->logs(id, {.follow = true}, soon());
  ASSERT_TRUE(logs) << logs.error().message;
  const std::string text = textOf(readAll(**logs), OutputSource::kStdout);
  EXPECT_TRUE(text.starts_with("line 0\n"));
  EXPECT_TRUE(text.ends_with("line 4999\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5000);
}

TEST_F(EngineTest, LogsTellTailTimesAndSince) {
  const int step = engine_.log_time_step;
  const std::string pause = "sleep " + std::to_string(2 * step);
  const ContainerId id =
      run(shell("echo one; " + pause + "; echo two; " + pause + ".2; echo three"));
  ASSERT_TRUE(runtime_->wait(id, soon()));
  const auto stamped = runtime_->logs(id, {.timestamps = true}, soon());
  ASSERT_TRUE(stamped) << stamped.error().message;
  const auto lines = readAll(**stamped);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[2].bytes, "three\n");
  ASSERT_TRUE(lines[1].at && lines[2].at);
  EXPECT_GE(*lines[2].at - *lines[1].at, step == 0 ? Duration(milliseconds(100)) : seconds(step));
  const auto tail = runtime_->logs(id, {.tail_lines = 1}, soon());
  ASSERT_TRUE(tail);
  EXPECT_EQ(textOf(readAll(**tail), OutputSource::kStdout), "three\n");
  const auto since = runtime_->logs(id, {.since = lines[1].at}, soon());
  ASSERT_TRUE(since);
  EXPECT_EQ(textOf(readAll(**since), OutputSource::kStdout), "two\nthree\n")
      << "since is inclusive";
  const auto until = runtime_->logs(id, {.until = *lines[1].at + seconds(step)}, soon());
  ASSERT_TRUE(until);
  EXPECT_EQ(textOf(readAll(**until), OutputSource::kStdout), "one\ntwo\n") << "until is inclusive";
}

TEST_F(EngineTest, FollowedLogsCanBePolledAndCancelled) {
  const ContainerId id = run(shell("echo one; sleep 100"));
  const auto logs = runtime_->logs(id, {.follow = true}, soon());
  ASSERT_TRUE(logs) << logs.error().message;
  pollfd polled{.fd = (*logs)->pollFd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&polled, 1, 10'000), 1);
  const auto first = (*logs)->next({.deadline = TimePoint{}});
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->bytes, "one\n");
  EXPECT_CODE((*logs)->next({.deadline = TimePoint{}}), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(::poll(&polled, 1, 0), 0) << "nothing is left";
  std::stop_source stop;
  const std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(30));
    stop.request_stop();
    std::this_thread::sleep_for(milliseconds(30));
    (*logs)->cancel();
  });
  EXPECT_CODE((*logs)->next({.cancellation = stop.get_token()}), ErrorCode::kCancelled);
  EXPECT_CODE((*logs)->next({}), ErrorCode::kCancelled);
  EXPECT_CODE((*logs)->next({}), ErrorCode::kCancelled);
}

TEST_F(EngineTest, AttachedStdinReachesTheProcess) {
  for (const bool tty : {false, true}) {
    ContainerSpec spec = shell("read line; echo got $line; sleep 0.1; exit 5");
    spec.tty = tty;
    spec.open_stdin = true;
    const ContainerId id = make(spec);
    const auto console = runtime_->attach(id, {}, soon());
    ASSERT_TRUE(console) << console.error().message;
    ASSERT_TRUE(runtime_->start(id, soon()));
    ASSERT_TRUE((*console)->write("hello\n", soon()));
    const auto exit = runtime_->wait(id, soon());
    ASSERT_TRUE(exit) << exit.error().message;
    EXPECT_EQ(exit->exit_code, 5);
    const auto logs = runtime_->logs(id, {}, soon());
    ASSERT_TRUE(logs);
    const std::string text =
        textOf(readAll(**logs), tty ? OutputSource::kConsole : OutputSource::kStdout);
    EXPECT_NE(text.find("got hello"), std::string::npos) << text;
    if (tty || !engine_.closes_attached_input)
      EXPECT_CODE((*console)->closeInput(soon()), ErrorCode::kUnsupported);
  }
}

TEST_F(EngineTest, AttachBeforeTheStartReceivesTheFirstByte) {
  const ContainerId id = make(shell("echo first; echo second >&2"));
  const auto console = runtime_->attach(
      id, {.standard_input = false, .standard_output = true, .standard_error = true}, soon());
  ASSERT_TRUE(console) << console.error().message;
  ASSERT_TRUE(runtime_->start(id, soon()));
  const auto all = readAll(**console);
  EXPECT_EQ(textOf(all, OutputSource::kStdout), "first\n");
  EXPECT_EQ(textOf(all, OutputSource::kStderr), "second\n");
  EXPECT_CODE((*console)->write("x", soon()), ErrorCode::kUnsupported);
}

TEST_F(EngineTest, DetachingDoesNotStopTheContainer) {
  ContainerSpec spec = shell("cat");
  spec.open_stdin = true;
  const ContainerId id = run(spec);
  { const auto console = runtime_->attach(id, {}, soon()); }
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

TEST_F(EngineTest, ExecTellsItsExitCodeOnlyAfterItsOutput) {
  const ContainerId id = run(shell("sleep 100"));
  const auto session = runtime_->exec(
      id, {.command = {"/bin/sh", "-c", "head -c 1000000 /dev/zero; echo e >&2; exit 9"}}, soon());
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_CODE((*session)->exitCode(soon()), ErrorCode::kWrongState);
  const auto all = readAll(**session);
  EXPECT_EQ(textOf(all, OutputSource::kStdout).size(), 1'000'000U);
  EXPECT_EQ(textOf(all, OutputSource::kStderr), "e\n");
  const auto code = (*session)->exitCode(soon());
  ASSERT_TRUE(code) << code.error().message;
  EXPECT_EQ(*code, 9);
}

TEST_F(EngineTest, ExecInputIsDeliveredAndEnds) {
  const ContainerId id = run(shell("sleep 100"));
  const auto session = runtime_->exec(id, {.command = {"cat"}, .standard_input = true}, soon());
  ASSERT_TRUE(session) << session.error().message;
  ASSERT_TRUE((*session)->write("through\n", soon()));
  ASSERT_TRUE((*session)->closeInput(soon()));
  EXPECT_EQ(textOf(readAll(**session), OutputSource::kStdout), "through\n");
  const auto code = (*session)->exitCode(soon());
  ASSERT_TRUE(code) << code.error().message;
  EXPECT_EQ(*code, 0);
}

TEST_F(EngineTest, ExecWithATerminalIsResized) {
  const ContainerId id = run(shell("sleep 100"));
  const auto session = runtime_->exec(
      id, {.command = {"/bin/sh", "-c", "read go; stty size"}, .tty = true, .standard_input = true},
      soon());
  ASSERT_TRUE(session) << session.error().message;
  const auto resized = (*session)->resize(123, 45, soon());
  ASSERT_TRUE(resized) << resized.error().message;
  ASSERT_TRUE((*session)->write("go\n", soon()));
  EXPECT_NE(textOf(readAll(**session), OutputSource::kConsole).find("45 123"), std::string::npos);
}

TEST_F(EngineTest, ExecOfAMissingCommandIsNotFound) {
  const ContainerId id = run(shell("sleep 100"));
  const auto session = runtime_->exec(id, {.command = {"/no/such/program"}}, soon());
  if (!session) {
    EXPECT_CODE(session, ErrorCode::kNotFound);
    return;
  }
  readAll(**session);
  EXPECT_CODE((*session)->exitCode(soon()), ErrorCode::kNotFound);
}

TEST_F(EngineTest, ExecInAStoppedContainerIsWrongState) {
  const ContainerId id = make(shell("true"));
  EXPECT_CODE(runtime_->exec(id, {.command = {"true"}}, soon()), ErrorCode::kWrongState);
}

TEST_F(EngineTest, AbandonedExecLeavesNoProcess) {
  const ContainerId id = run(shell("sleep 100"));
  { ASSERT_TRUE(runtime_->exec(id, {.command = {"sleep", "98765"}}, soon())); }
  const auto left = runtime_->exec(id, {.command = {"ps"}}, soon());
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_EQ(textOf(readAll(**left), OutputSource::kStdout).find("98765"), std::string::npos);
}

TEST_F(EngineTest, EventsTellALifeInOrder) {
  const ContainerSpec spec = shell("exit 4");
  const auto events = runtime_->events({.labels = {{"control.test.name", spec.name}}}, soon());
  ASSERT_TRUE(events) << events.error().message;
  const ContainerId id = run(spec);
  ASSERT_TRUE(runtime_->wait(id, soon()));
  ASSERT_TRUE(runtime_->remove(id, {}, soon()));
  std::vector<EventType> seen;
  while (seen.empty() || seen.back() != EventType::kRemoved) {
    const auto event = (*events)->next(soon());
    ASSERT_TRUE(event) << event.error().message;
    ASSERT_TRUE(*event);
    EXPECT_EQ((*event)->container, id);
    EXPECT_EQ((*event)->name, spec.name);
    EXPECT_EQ((*event)->labels.at("control.test.name"), spec.name);
    if ((*event)->type == EventType::kExited) {
      EXPECT_EQ((*event)->exit_code, 4);
    }
    seen.push_back((*event)->type);
  }
  if (engine_.has_events_of_its_own) std::erase(seen, EventType::kUnknown);
  EXPECT_EQ(seen, (std::vector{EventType::kCreated, EventType::kStarted, EventType::kExited,
                               EventType::kRemoved}));
  EXPECT_CODE((*events)->next({.deadline = TimePoint{}}), ErrorCode::kDeadlineExceeded);
  (*events)->cancel();
  EXPECT_CODE((*events)->next(soon()), ErrorCode::kCancelled);
}

TEST_F(EngineTest, PullOfAnUnreachableRegistryFails) {
  const auto pull = runtime_->pull("127.0.0.1:1/none:1", {}, soon());
  if (!pull) return;  // told before the stream
  Result<std::optional<PullProgress>> step = (*pull)->next(soon());
  while (step && *step) step = (*pull)->next(soon());
  EXPECT_FALSE(step);
}

TEST_F(EngineTest, NoDescriptorsAreLeftBehind) {
  const auto use = [this] {
    const ContainerId id = run(shell("echo x; sleep 100"));
    const auto watch = runtime_->watchExit(id, soon());
    const auto logs = runtime_->logs(id, {.follow = true}, soon());
    const auto events = runtime_->events({}, soon());
    const auto stats = runtime_->stats(std::vector{id}, soon());
    ASSERT_TRUE(watch && logs && events && stats[0]);
    ASSERT_TRUE(runtime_->remove(id, {.force = true}, soon()));
  };
  use();  // some connections are kept, up to a bound
  use();
  const auto before = Footprint::now();
  use();
  use();
  EXPECT_LE(Footprint::now().descriptors, before.descriptors);
}

}  // namespace
}  // namespace control::test

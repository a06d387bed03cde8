#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <libcontrol/loader.h>

#include "process_plugin.h"

namespace {

using namespace control;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// An engine in a state directory of its own.
class ProcessEngine : public ::testing::Test {
 protected:
  ProcessEngine() {
    char path[] = "/tmp/control-process-XXXXXX";
    directory_ = ::mkdtemp(path);
    runtime_ = open();
  }
  ~ProcessEngine() override {
    if (runtime_) {
      const auto all = runtime_->list({}, soon());
      if (all)
        for (const auto& one : *all)
          (void)runtime_->remove(one.id, {.force = true}, soon()).has_value();
      runtime_.reset();
    }
    fs::remove_all(directory_);
  }

  std::shared_ptr<ContainerRuntime> open() {
    const PluginDescriptor* const linked[] = {&process_engine::descriptor()};
    auto runtime = loadRuntime("process://" + directory_, {.linked_plugins = linked}, soon());
    EXPECT_TRUE(runtime) << runtime.error().message;
    return runtime ? *runtime : nullptr;
  }

  static CallContext soon() { return CallContext::within(60s); }

  static ContainerSpec shell(const std::string& script) {
    ContainerSpec spec;
    spec.image = "host";
    spec.command = {"/bin/sh", "-c", script};
    return spec;
  }

  RunningContainer run(const ContainerSpec& spec) {
    auto running = runtime_->run(spec, soon());
    EXPECT_TRUE(running) << running.error().message;
    return std::move(*running);
  }

  template <class AnyStream>
  static std::string textOf(AnyStream& stream, OutputSource source) {
    std::string text;
    for (;;) {
      auto item = stream.next(soon());
      EXPECT_TRUE(item) << item.error().message;
      if (!item || !*item) return text;
      if ((*item)->source == source) text += (*item)->bytes;
    }
  }

  std::string logged(const ContainerId& id, LogOptions options = {.follow = true},
                     OutputSource source = OutputSource::kStdout) {
    auto log = runtime_->logs(id, options, soon());
    EXPECT_TRUE(log) << log.error().message;
    return textOf(**log, source);
  }

  void awaitOutput(const ContainerId& id, const std::string& text) {
    auto log = runtime_->logs(id, {.follow = true}, soon());
    std::string seen;
    while (seen.find(text) == std::string::npos) {
      auto item = (*log)->next(soon());
      ASSERT_TRUE(item && *item) << seen;
      seen += (*item)->bytes;
    }
  }

  /// The parent of process 1.
  static int keeperOf(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string stat;
    std::getline(file, stat);
    return std::stoi(stat.substr(stat.rfind(')') + 4));
  }

  std::string directory_;
  std::shared_ptr<ContainerRuntime> runtime_;
};

TEST_F(ProcessEngine, ExitCodeBelongsToItsRun) {
  auto first = run(shell("exit 3"));
  const auto exit = first.exit->exited(soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->exit_code, 3);
  EXPECT_FALSE(exit->signal);
  auto watch = runtime_->watchExit(first.id, soon());
  ASSERT_TRUE(watch);
  ASSERT_TRUE(runtime_->start(first.id, soon()));
  const auto second = (*watch)->exited(soon());
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_NE(second->run, exit->run);
  EXPECT_EQ(first.exit->exited(soon())->run, exit->run);
}

TEST_F(ProcessEngine, RunThatBeginsOrEndsDuringALookHasItsCode) {
  const auto created = runtime_->create(shell("exit 3"), soon());
  ASSERT_TRUE(created);
  std::atomic<bool> over{false};
  std::vector<std::thread> looking;
  for (int i = 0; i < 4; ++i)
    looking.emplace_back([&] {
      while (!over) {
        const auto info = runtime_->inspect(created->id, soon());
        ASSERT_TRUE(info);
        EXPECT_EQ(info->exit.value_or(ExitStatus{.exit_code = 3}).exit_code, 3);
      }
    });
  for (int round = 0; round < 60; ++round) {
    const auto watch = runtime_->watchExit(created->id, soon());
    EXPECT_TRUE(watch && runtime_->start(created->id, soon()));
    EXPECT_EQ((*watch)->exited(soon())->exit_code, 3);
  }
  over = true;
  for (std::thread& thread : looking) thread.join();
}

TEST_F(ProcessEngine, StopSignalsAndReportsTheSignal) {
  auto container = run(shell("echo ready; exec sleep 600"));
  awaitOutput(container.id, "ready");
  const auto stopped = runtime_->stop(container.id, {}, soon());
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_EQ(stopped->outcome, StopOutcome::kStopped);
  EXPECT_EQ(stopped->exit->signal, Signal::term());
  EXPECT_EQ(stopped->exit->exit_code, 143);
}

TEST_F(ProcessEngine, EndOfProcessOneEndsWhatItLeftBehind) {
  auto container = run(shell("setsid sleep 600 & echo pid $!; exit 0"));
  ASSERT_TRUE(container.exit->exited(soon()));
  const std::string text = logged(container.id);
  EXPECT_NE(::kill(std::stoi(text.substr(4)), 0), 0) << text;
}

TEST_F(ProcessEngine, OutputIsSeparateAndWhole) {
  auto container = run(shell("echo out; echo err >&2; head -c 300000 /dev/zero"));
  EXPECT_EQ(logged(container.id).size(), 4 + 300000);
  EXPECT_EQ(logged(container.id, {}, OutputSource::kStderr), "err\n");
  EXPECT_EQ(logged(container.id, {.standard_output = false}), "");
}

TEST_F(ProcessEngine, OutputOfAllRunsIsKept) {
  auto container = run(shell("echo run"));
  ASSERT_TRUE(container.exit->exited(soon()));
  auto watch = runtime_->watchExit(container.id, soon());
  ASSERT_TRUE(watch && runtime_->start(container.id, soon()) && (*watch)->exited(soon()));
  EXPECT_EQ(logged(container.id), "run\nrun\n");
}

TEST_F(ProcessEngine, WhatLogsCannotDoIsRefused) {
  auto container = run(shell("echo 1"));
  for (const LogOptions& options : {LogOptions{.tail_lines = 1}, LogOptions{.since = WallTime()},
                                    LogOptions{.until = WallTime()}})
    EXPECT_EQ(runtime_->logs(container.id, options, soon()).error().code, ErrorCode::kUnsupported);
}

TEST_F(ProcessEngine, EventsComeInOrder) {
  auto events = runtime_->events({}, soon());
  ASSERT_TRUE(events);
  auto container = run(shell("exit 7"));
  ASSERT_TRUE(container.exit->exited(soon()));
  ASSERT_TRUE(runtime_->remove(container.id, {}, soon()));
  for (const EventType type :
       {EventType::kCreated, EventType::kStarted, EventType::kExited, EventType::kRemoved}) {
    const auto event = (*events)->next(soon());
    ASSERT_TRUE(event && *event);
    EXPECT_EQ((*event)->type, type);
    EXPECT_EQ((*event)->container, container.id);
  }
  EXPECT_EQ((*events)->next({.deadline = TimePoint{}}).error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(ProcessEngine, FailedStartIsToldByStartAndInspect) {
  ContainerSpec spec = shell("");
  spec.command = {"/no/such/program"};
  const auto created = runtime_->create(spec, soon());
  ASSERT_TRUE(created);
  const auto started = runtime_->start(created->id, soon());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kStartFailed);
  const auto info = runtime_->inspect(created->id, soon());
  ASSERT_TRUE(info);
  EXPECT_EQ(info->state, ContainerState::kCreated);
  EXPECT_NE(info->error.find("cannot execute"), std::string::npos);
}

TEST_F(ProcessEngine, RunsOutliveTheRuntime) {
  auto container = run(shell("echo ready; trap 'exit 9' TERM; while :; do sleep 0.05; done"));
  awaitOutput(container.id, "ready");
  container.exit.reset();
  const auto before = runtime_->inspect(container.id, soon());
  runtime_ = open();
  const auto after = runtime_->inspect(container.id, soon());
  ASSERT_TRUE(after);
  EXPECT_EQ(after->pid, before->pid);
  EXPECT_EQ(after->started_at, before->started_at);
  EXPECT_EQ(runtime_->stop(container.id, {}, soon())->exit->exit_code, 9);
}

TEST_F(ProcessEngine, KilledKeeperEndsTheRunWithoutAStatus) {
  auto container = run(shell("exec sleep 600"));
  const auto info = runtime_->inspect(container.id, soon());
  auto events = runtime_->events({}, soon());
  ASSERT_TRUE(events);
  ASSERT_EQ(::kill(keeperOf(*info->pid), SIGKILL), 0);
  const auto exit = container.exit->exited(soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_FALSE(exit->exit_code);
  EXPECT_EQ(runtime_->inspect(container.id, soon())->state, ContainerState::kExited);
  EXPECT_TRUE(runtime_->start(container.id, soon()));
  // Nobody was there to tell of the end: the next keeper does.
  EXPECT_EQ((*(*events)->next(soon()))->type, EventType::kExited);
  EXPECT_EQ((*(*events)->next(soon()))->type, EventType::kStarted);
  EXPECT_NE(runtime_->inspect(container.id, soon())->started_at, info->started_at);
}

TEST_F(ProcessEngine, StatisticsAreOfTheWholeTree) {
  auto container = run(shell("(while :; do :; done) & echo busy; wait"));
  awaitOutput(container.id, "busy");
  const std::vector<ContainerId> ids{container.id, {"missing"}};
  const auto enough = [&] {
    const auto samples = runtime_->stats(ids, soon());
    EXPECT_EQ(samples[1].error().code, ErrorCode::kNotFound);
    return samples[0] && *samples[0]->cpu_time > 50ms;
  };
  while (!enough()) std::this_thread::yield();
  const auto sample = runtime_->stats(ids, soon())[0];
  EXPECT_EQ(sample->pids, 2u);
  EXPECT_GT(*sample->memory_usage_bytes, 100'000u);
  EXPECT_FALSE(sample->network_rx_bytes);
  EXPECT_FALSE(sample->memory_limit_bytes);
}

TEST_F(ProcessEngine, WhatProcessesCannotHaveIsRefusedByName) {
  const std::pair<const char*, void (*)(ContainerSpec&)> cases[] = {
      {"mounts",
       [](ContainerSpec& spec) { spec.mounts.push_back({.source = "/", .target = "/x"}); }},
      {"ports", [](ContainerSpec& spec) { spec.ports.push_back({.container_port = 80}); }},
      {"limits", [](ContainerSpec& spec) { spec.limits.memory_bytes = 1 << 26; }},
      {"user", [](ContainerSpec& spec) { spec.user = "nobody"; }},
      {"open_stdin", [](ContainerSpec& spec) { spec.open_stdin = true; }},
      {"tty", [](ContainerSpec& spec) { spec.tty = true; }}};
  for (const auto& [field, set] : cases) {
    ContainerSpec spec = shell("true");
    set(spec);
    const auto created = runtime_->create(spec, soon());
    ASSERT_FALSE(created) << field;
    EXPECT_EQ(created.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(created.error().message.find(field), std::string::npos) << created.error().message;
  }
  EXPECT_TRUE(runtime_->list({}, soon())->empty());
}

TEST_F(ProcessEngine, OneOfManyStartsStarts) {
  for (int round = 0; round < 5; ++round) {
    const auto created = runtime_->create(shell("exec sleep 600"), soon());
    ASSERT_TRUE(created);
    std::atomic<int> started{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        const auto outcome = runtime_->start(created->id, soon());
        EXPECT_TRUE(outcome) << outcome.error().message;
        if (outcome && *outcome == StartOutcome::kStarted) ++started;
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(started, 1);
  }
}

TEST_F(ProcessEngine, RemovingItSeveralTimesSparesTheNextOfThatName) {
  ContainerSpec spec = shell("true");
  spec.name = "reused";
  for (int round = 0; round < 100; ++round) {
    const auto first = runtime_->create(spec, soon());
    ASSERT_TRUE(first) << first.error().message;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] { EXPECT_TRUE(runtime_->remove(first->id, {}, soon())); });
    auto next = runtime_->create(spec, soon());
    while (!next && next.error().code == ErrorCode::kAlreadyExists)
      next = runtime_->create(spec, soon());
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_NE(next->id, first->id);
    EXPECT_TRUE(runtime_->inspect(next->id, soon()));
    ASSERT_EQ(runtime_->remove(next->id, {}, soon()).value(), RemoveOutcome::kRemoved);
  }
}

TEST_F(ProcessEngine, RunsOutliveAKilledHost) {
  const std::string host = fs::canonical("/proc/self/exe").parent_path() / "killed_host";
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl(host.c_str(), host.c_str(), directory_.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  const auto info = runtime_->inspect({"survivor"}, soon());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->state, ContainerState::kRunning);
  awaitOutput(info->id, "ready");
  auto watch = runtime_->watchExit(info->id, soon());
  ASSERT_TRUE(watch);
  const auto stopped = runtime_->stop(info->id, {.timeout = 60s}, soon());
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_EQ((*watch)->exited(soon())->exit_code, 4);
  EXPECT_EQ(logged(info->id), "ready\nstill here\n");
}

TEST_F(ProcessEngine, SlowReaderOfEventsMissesNone) {
  auto events = runtime_->events({.labels = {{"kept", ""}}}, soon());
  ASSERT_TRUE(events);
  std::vector<ContainerId> ids;
  for (int i = 0; i < 300; ++i) {
    ContainerSpec spec = shell("true");
    if (i % 2 == 0) spec.labels["kept"] = std::string(1000, 'x');
    const auto created = runtime_->create(spec, soon());
    ASSERT_TRUE(created);
    ASSERT_TRUE(runtime_->remove(created->id, {}, soon()));
    if (i % 2 == 0) ids.push_back(created->id);
  }
  for (const ContainerId& id : ids)
    for (const EventType type : {EventType::kCreated, EventType::kRemoved}) {
      const auto event = (*events)->next(soon());
      ASSERT_TRUE(event && *event);
      EXPECT_EQ((*event)->type, type);
      EXPECT_EQ((*event)->container, id);
    }
  EXPECT_EQ((*events)->next({.deadline = TimePoint{}}).error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(ProcessEngine, CallsEndInTimeWhenAKeeperDoesNot) {
  auto container = run(shell("exec sleep 600"));
  const auto info = runtime_->inspect(container.id, soon());
  const int keeper = keeperOf(*info->pid);
  ASSERT_EQ(::kill(keeper, SIGSTOP), 0);
  const auto begin = std::chrono::steady_clock::now();
  const auto removed = runtime_->remove(container.id, {.force = true}, CallContext::within(200ms));
  EXPECT_EQ(removed.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(removed.error().effect, Effect::kUnknown);
  EXPECT_EQ(container.exit->exited(CallContext::within(200ms)).error().code,
            ErrorCode::kDeadlineExceeded);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  std::stop_source stop;
  std::thread waiting([&] {
    CallContext context = soon();
    context.cancellation = stop.get_token();
    EXPECT_EQ(runtime_->remove(container.id, {.force = true}, context).error().code,
              ErrorCode::kCancelled);
  });
  stop.request_stop();
  waiting.join();
  ASSERT_EQ(::kill(keeper, SIGCONT), 0);
  EXPECT_EQ(container.exit->exited(soon())->signal, Signal::kill());
}

TEST_F(ProcessEngine, LostStateDirectoryIsUnavailable) {
  fs::rename(directory_, directory_ + ".away");
  EXPECT_EQ(runtime_->list({}, soon()).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(runtime_->inspect({"x"}, soon()).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(runtime_->create(shell("true"), soon()).error().code, ErrorCode::kUnavailable);
  fs::rename(directory_ + ".away", directory_);
  EXPECT_TRUE(runtime_->list({}, soon()));
}

}  // namespace

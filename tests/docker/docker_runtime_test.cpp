#include "docker_test.h"

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <thread>

#include <libcontrol/images.h>

namespace control::docker::test {
namespace {

TEST_F(DockerTest, InfoNamesTheEngineAndTheAgreedVersion) {
  const auto info = runtime_->info(soon());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->engine, "docker");
  EXPECT_FALSE(info->version.empty());
  EXPECT_EQ(info->api_version.substr(0, 2), "1.");
  EXPECT_EQ(info->endpoint, control::test::dockerSocket());
  EXPECT_TRUE(info->has(Capability::kExitFromKernel));
  EXPECT_TRUE(info->cgroup_version == 1 || info->cgroup_version == 2);
}

TEST_F(DockerTest, UnreachableEngineIsUnavailable) {
  const PluginDescriptor* const linked[] = {&descriptor()};
  const auto opened =
      loadRuntime("docker:///nowhere/docker.sock", {.linked_plugins = linked}, soon());
  EXPECT_CODE(opened, ErrorCode::kUnavailable);
}

TEST_F(DockerTest, CreatePreservesWhatWasAskedFor) {
  ContainerSpec spec = shell("sleep 100");
  spec.network = NetworkMode::kDefault;
  spec.environment = {{"A", "1"}, {"B", "x=y \"z\""}, {"EMPTY", ""}};
  spec.labels["uni"] = "grün";
  spec.working_directory = "/tmp";
  spec.user = "1000";
  spec.hostname = "server";
  spec.tty = true;
  spec.open_stdin = true;
  spec.stop_signal = Signal{35};
  spec.stop_timeout = seconds(7);
  spec.limits = {.memory_bytes = 64 << 20,
                 .memory_swap_bytes = 96 << 20,
                 .nano_cpus = 500'000'000,
                 .pids = 50};
  spec.ports = {{.container_port = 25565, .host_port = 31001},
                {.container_port = 9000,
                 .host_port = 31002,
                 .protocol = PortProtocol::kUdp,
                 .host_ip = "127.0.0.1"}};
  spec.mounts = {{.type = Mount::Type::kTmpfs, .target = "/scratch"}};
  spec.no_new_privileges = true;
  spec.read_only_root = true;
  spec.drop_capabilities = {"ALL"};
  spec.add_capabilities = {"NET_BIND_SERVICE"};
  spec.log_driver = "json-file";
  spec.log_options = {{"max-size", "1m"}};
  const ContainerId id = make(spec);
  const ContainerInfo info = look(id);
  EXPECT_EQ(info.state, ContainerState::kCreated);
  EXPECT_EQ(info.spec.name, spec.name);
  EXPECT_EQ(info.spec.command, spec.command);
  EXPECT_EQ(info.spec.environment.at(1), spec.environment.at(1));
  EXPECT_EQ(info.spec.labels, spec.labels);
  EXPECT_EQ(info.spec.working_directory, "/tmp");
  EXPECT_EQ(info.spec.user, "1000");
  EXPECT_EQ(info.spec.hostname, "server");
  EXPECT_TRUE(info.spec.tty);
  EXPECT_TRUE(info.spec.open_stdin);
  EXPECT_EQ(info.spec.stop_signal, Signal{35});
  EXPECT_EQ(info.spec.stop_timeout, seconds(7));
  EXPECT_EQ(info.spec.limits, spec.limits);
  EXPECT_TRUE(std::is_permutation(info.spec.ports.begin(), info.spec.ports.end(),
                                  spec.ports.begin(), spec.ports.end()));
  EXPECT_EQ(info.spec.mounts, spec.mounts);
  EXPECT_TRUE(info.spec.no_new_privileges);
  EXPECT_TRUE(info.spec.read_only_root);
  EXPECT_EQ(info.spec.drop_capabilities, spec.drop_capabilities);
  EXPECT_EQ(info.spec.add_capabilities, spec.add_capabilities);
  EXPECT_EQ(info.spec.log_options, spec.log_options);
  EXPECT_FALSE(info.exit);
  EXPECT_FALSE(info.started_at);
}

TEST_F(DockerTest, ContainerMadeFromAnInspectionIsTheSame) {
  ContainerSpec spec = shell("sleep 100");
  spec.limits.memory_bytes = 32 << 20;
  const ContainerSpec first = look(make(spec)).spec;
  ContainerSpec again = first;
  again.name = uniqueName();
  const ContainerSpec second = look(make(again)).spec;
  EXPECT_EQ(second.command, first.command);
  EXPECT_EQ(second.environment, first.environment);
  EXPECT_EQ(second.labels, first.labels);
  EXPECT_EQ(second.limits, first.limits);
  EXPECT_EQ(second.network, first.network);
  EXPECT_EQ(second.engine_options, first.engine_options);
}

TEST_F(DockerTest, CreateWithAMissingImageIsImageNotFound) {
  ContainerSpec spec = shell("true");
  spec.image = "no.such/image:1";
  EXPECT_CODE(runtime_->create(spec, soon()), ErrorCode::kImageNotFound);
}

TEST_F(DockerTest, CreateWithATakenNameKeepsTheExistingContainer) {
  const ContainerSpec spec = shell("sleep 100");
  const ContainerId id = run(spec);
  EXPECT_CODE(runtime_->create(spec, soon()), ErrorCode::kAlreadyExists);
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

TEST_F(DockerTest, CreateRefusesAnUnknownLogDriverAtOnce) {
  ContainerSpec spec = shell("true");
  spec.log_driver = "no-such-driver";
  EXPECT_CODE(runtime_->create(spec, soon(seconds(2))), ErrorCode::kInvalidArgument);
}

TEST_F(DockerTest, InspectOfAMissingContainerIsNotFound) {
  EXPECT_CODE(runtime_->inspect({"no-such-container"}, soon()), ErrorCode::kNotFound);
}

TEST_F(DockerTest, StartingARunningContainerChangesNothing) {
  const ContainerId id = run(shell("sleep 100"));
  const auto started_at = look(id).started_at;
  const auto again = runtime_->start(id, soon());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, StartOutcome::kAlreadyRunning);
  EXPECT_EQ(look(id).started_at, started_at);
}

TEST_F(DockerTest, StartOfABadCommandIsStartFailedAndInspectSaysWhy) {
  ContainerSpec spec = shell("");
  spec.command = {"/no/such/program"};
  const ContainerId id = make(spec);
  EXPECT_CODE(runtime_->start(id, soon()), ErrorCode::kStartFailed);
  const ContainerInfo info = look(id);
  EXPECT_EQ(info.state, ContainerState::kCreated);
  EXPECT_FALSE(info.error.empty());
  EXPECT_FALSE(info.exit);
}

TEST_F(DockerTest, StartOfAMissingContainerIsNotFound) {
  EXPECT_CODE(runtime_->start({"no-such-container"}, soon()), ErrorCode::kNotFound);
}

TEST_F(DockerTest, StartOnATakenPortIsPortConflict) {
  ContainerSpec spec = shell("sleep 100");
  spec.network = NetworkMode::kDefault;
  spec.ports = {{.container_port = 80, .host_port = 31080}};
  run(spec);
  ContainerSpec second = spec;
  second.name = uniqueName();
  EXPECT_CODE(runtime_->start(make(second), soon()), ErrorCode::kPortConflict);
}

TEST_F(DockerTest, WatchArmedBeforeTheStartSeesAnInstantExit) {
  const ContainerId id = make(shell("exit 7"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  ASSERT_TRUE(runtime_->start(id, soon()));
  const auto exit = (*watch)->exited(soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->exit_code, 7);
  EXPECT_EQ(exit->run.container, id);
  EXPECT_EQ(exit->run.started_at, look(id).started_at);
  EXPECT_EQ(exit->oom_killed, false);
  EXPECT_FALSE(exit->signal);
}

TEST_F(DockerTest, WatchNoticesTheEndOfARunningContainerFromTheKernel) {
  const ContainerId id = run(shell("trap 'exit 42' TERM; echo set; while :; do sleep 0.01; done"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  awaitOutput(id);
  ASSERT_TRUE(runtime_->signal(id, Signal::term(), soon()));
  const auto noticed = (*watch)->noticed(soon());
  ASSERT_TRUE(noticed) << noticed.error().message;
  EXPECT_EQ(noticed->run.container, id);
  const auto exited = (*watch)->exited(soon());
  ASSERT_TRUE(exited) << exited.error().message;
  EXPECT_EQ(exited->exit_code, 42);
  EXPECT_TRUE(exited->finished_at);
  EXPECT_EQ(look(id).state, ContainerState::kExited);
}

TEST_F(DockerTest, WatchArmedBeforeTheStartNoticesFromTheKernelToo) {
  const ContainerId id = make(shell("sleep 100"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  ASSERT_TRUE(runtime_->start(id, soon()));
  pollfd polled{.fd = (*watch)->pollFd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&polled, 1, 10'000), 1) << "the start gives the watch something to do";
  EXPECT_CODE((*watch)->noticed({.deadline = TimePoint{}}), ErrorCode::kDeadlineExceeded);
  const int pid = look(id).pid.value_or(0);
  ASSERT_GT(pid, 1);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  const auto noticed = (*watch)->noticed(soon());
  ASSERT_TRUE(noticed) << noticed.error().message;
  if (noticed->exit_code) {  // kernels from 6.15 tell
    EXPECT_EQ(noticed->exit_code, 137);
    EXPECT_EQ(noticed->signal, Signal::kill());
  }
  const auto exited = (*watch)->exited(soon());
  ASSERT_TRUE(exited) << exited.error().message;
  EXPECT_EQ(exited->exit_code, 137);
  EXPECT_EQ(exited->oom_killed, false);
}

TEST_F(DockerTest, WatchKeepsToItsRunAcrossARestart) {
  const ContainerId id = run(shell("sleep 100"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  const auto first_start = look(id).started_at;
  ASSERT_TRUE(runtime_->kill(id, soon()));
  ASSERT_TRUE(runtime_->start(id, soon()));
  const auto exit = (*watch)->exited(soon());
  if (exit) {
    EXPECT_EQ(exit->run.started_at, first_start);
    EXPECT_EQ(exit->exit_code, 137);
  } else {
    EXPECT_CODE(exit, ErrorCode::kNotFound);
  }
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

TEST_F(DockerTest, CancelledWatchIsCancelledAndNoExit) {
  const ContainerId id = make(shell("sleep 100"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  const std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(50));
    (*watch)->cancel();
  });
  EXPECT_CODE((*watch)->exited(soon()), ErrorCode::kCancelled);
  EXPECT_CODE((*watch)->noticed(soon()), ErrorCode::kCancelled);
}

TEST_F(DockerTest, WatchOfAContainerThatIsRemovedEnds) {
  const ContainerId id = make(shell("sleep 100"));
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  ASSERT_TRUE(runtime_->remove(id, {}, soon()));
  EXPECT_CODE((*watch)->exited(soon()), ErrorCode::kNotFound);
}

TEST_F(DockerTest, StopEscalatesAfterASubsecondTimeout) {
  const ContainerId id = run(shell("trap '' TERM; echo set; while :; do sleep 0.01; done"));
  awaitOutput(id);
  const auto begin = std::chrono::steady_clock::now();
  const auto report = runtime_->stop(id, {.timeout = milliseconds(300)}, soon());
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->outcome, StopOutcome::kKilled);
  EXPECT_GE(took, milliseconds(300));
  EXPECT_LT(took, milliseconds(1500));
}

TEST_F(DockerTest, StopByARealTimeSignalReachesTheTrap) {
  const ContainerId id = run(shell("trap 'exit 42' 36; echo set; while :; do sleep 0.01; done"));
  awaitOutput(id);
  const auto report = runtime_->stop(id, {.signal = Signal{36}, .timeout = seconds(5)}, soon());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->outcome, StopOutcome::kStopped);
  ASSERT_TRUE(report->exit);
  EXPECT_EQ(report->exit->exit_code, 42);
}

TEST_F(DockerTest, SignalToAStoppedContainerReportsNotRunning) {
  const ContainerId id = make(shell("true"));
  const auto outcome = runtime_->signal(id, Signal::term(), soon());
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(*outcome, SignalOutcome::kNotRunning);
  EXPECT_CODE(runtime_->signal({"no-such-container"}, Signal::term(), soon()),
              ErrorCode::kNotFound);
  EXPECT_CODE(runtime_->signal(id, Signal{0}, soon()), ErrorCode::kInvalidArgument);
}

TEST_F(DockerTest, RemoveOfARunningContainerNeedsForce) {
  const ContainerSpec spec = shell("sleep 100");
  const ContainerId id = run(spec);
  EXPECT_CODE(runtime_->remove(id, {}, soon()), ErrorCode::kWrongState);
  const auto removed = runtime_->remove(id, {.force = true}, soon());
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(*removed, RemoveOutcome::kRemoved);
  make(spec);  // the name is free
  const auto absent = runtime_->remove(id, {}, soon());
  ASSERT_TRUE(absent) << absent.error().message;
  EXPECT_EQ(*absent, RemoveOutcome::kAbsent);
}

TEST_F(DockerTest, ConcurrentRemovalsAllSucceed) {
  const ContainerId id = run(shell("sleep 100"));
  std::vector<std::jthread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      const auto removed = runtime_->remove(id, {.force = true}, soon());
      if (removed)
        ++good;
      else
        ADD_FAILURE() << removed.error().message;
    });
  threads.clear();
  EXPECT_EQ(good, 4);
}

TEST_F(DockerTest, OomIsReported) {
  ContainerSpec spec = shell("tail /dev/zero");
  spec.limits = {.memory_bytes = 16 << 20, .memory_swap_bytes = 16 << 20};
  const ContainerId id = make(spec);
  const auto watch = runtime_->watchExit(id, soon());
  ASSERT_TRUE(watch);
  ASSERT_TRUE(runtime_->start(id, soon()));
  const auto exit = (*watch)->exited(soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->oom_killed, true);
}

TEST_F(DockerTest, ListFiltersByLabelAndState) {
  const ContainerSpec running = shell("sleep 100");
  const ContainerSpec created = shell("sleep 100");
  const ContainerId id = run(running);
  make(created);
  const auto by_label = runtime_->list({.labels = {{"control.test.name", running.name}}}, soon());
  ASSERT_TRUE(by_label) << by_label.error().message;
  ASSERT_EQ(by_label->size(), 1U);
  EXPECT_EQ(by_label->front().id, id);
  EXPECT_EQ(by_label->front().name, running.name);
  EXPECT_EQ(by_label->front().state, ContainerState::kRunning);
  const auto by_state = runtime_->list(
      {.labels = {{"control.test.name", ""}}, .states = {ContainerState::kCreated}}, soon());
  ASSERT_TRUE(by_state) << by_state.error().message;
  EXPECT_TRUE(std::all_of(by_state->begin(), by_state->end(), [](const ContainerSummary& one) {
    return one.state == ContainerState::kCreated;
  }));
  EXPECT_TRUE(std::any_of(by_state->begin(), by_state->end(),
                          [&](const ContainerSummary& one) { return one.name == created.name; }));
  const auto none = runtime_->list({.states = {ContainerState::kStopping}}, soon());
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
}

TEST_F(DockerTest, StatsOfABusyContainerGrowAndOthersFailAlone) {
  ContainerSpec spec = shell("while :; do :; done");
  spec.limits.memory_bytes = 64 << 20;
  const ContainerId busy = run(spec);
  const ContainerId stopped = make(shell("true"));
  const std::vector<ContainerId> ids = {busy, stopped, {"no-such-container"}};
  const auto first = runtime_->stats(ids, soon());
  ASSERT_EQ(first.size(), 3U);
  ASSERT_TRUE(first[0]) << first[0].error().message;
  EXPECT_CODE(first[1], ErrorCode::kWrongState);
  EXPECT_CODE(first[2], ErrorCode::kNotFound);
  std::this_thread::sleep_for(milliseconds(400));
  const auto second = runtime_->stats(ids, soon());
  ASSERT_TRUE(second[0]) << second[0].error().message;
  EXPECT_EQ(second[0]->run, first[0]->run);
  EXPECT_EQ(second[0]->memory_limit_bytes, std::uint64_t{64} << 20);
  const auto rates = ratesBetween(*first[0], *second[0]);
  ASSERT_TRUE(rates && rates->cpu_percent);
  EXPECT_GT(*rates->cpu_percent, 5);
}

TEST_F(DockerTest, StatsFollowARestartAsAnotherRun) {
  const ContainerId id = run(shell("sleep 100"));
  const std::vector<ContainerId> ids = {id};
  const auto first = runtime_->stats(ids, soon());
  ASSERT_TRUE(first[0]) << first[0].error().message;
  ASSERT_TRUE(runtime_->kill(id, soon()));
  const auto between = runtime_->stats(ids, soon());
  EXPECT_CODE(between[0], ErrorCode::kWrongState);
  ASSERT_TRUE(runtime_->start(id, soon()));
  const auto second = runtime_->stats(ids, soon());
  ASSERT_TRUE(second[0]) << second[0].error().message;
  EXPECT_NE(second[0]->run, first[0]->run);
}

TEST_F(DockerTest, UpdateRaisesTheMemoryLimitAndKeepsTheSwap) {
  ContainerSpec spec = shell("sleep 100");
  spec.limits = {.memory_bytes = 32 << 20, .memory_swap_bytes = 48 << 20};
  const ContainerId id = run(spec);
  const auto updated = runtime_->update(id, {.memory_bytes = 128 << 20}, soon());
  ASSERT_TRUE(updated) << updated.error().message;
  EXPECT_EQ(look(id).spec.limits.memory_bytes, 128 << 20);
  EXPECT_EQ(look(id).spec.limits.memory_swap_bytes, 144 << 20);
  EXPECT_CODE(runtime_->update({"no-such-container"}, {.pids = 5}, soon()), ErrorCode::kNotFound);
  EXPECT_CODE(runtime_->update(id, {.memory_bytes = 0}, soon()), ErrorCode::kInvalidArgument);
}

TEST_F(DockerTest, FindImageTellsPresentFromAbsent) {
  const auto image = runtime_->findImage(control::test::kTestImage, soon());
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_TRUE(image->id.starts_with("sha256:"));
  EXPECT_FALSE(image->references.empty());
  EXPECT_CODE(runtime_->findImage("no.such/image:1", soon()), ErrorCode::kImageNotFound);
  EXPECT_CODE(runtime_->findImage("../containers/json", soon()), ErrorCode::kInvalidArgument);
}

TEST_F(DockerTest, ImagesAreListedAndThoseOfContainersStay) {
  auto* const images = runtime_->extension<ImageStore>();
  ASSERT_NE(images, nullptr);
  const ContainerId id = make(shell("true"));
  const auto used = runtime_->findImage(control::test::kTestImage, soon());
  const auto list = images->listImages(soon());
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_TRUE(std::any_of(list->begin(), list->end(), [&](const ImageInfo& image) {
    return image.id == used->id && image.references == used->references && image.size_bytes > 0;
  }));
  EXPECT_CODE(images->removeImage(control::test::kTestImage, soon()), ErrorCode::kWrongState);
  const auto absent = images->removeImage("no.such/image:1", soon());
  ASSERT_TRUE(absent) << absent.error().message;
  EXPECT_EQ(*absent, RemoveOutcome::kAbsent);
  EXPECT_CODE(images->removeImage("../containers/json", soon()), ErrorCode::kInvalidArgument);
}

TEST_F(DockerTest, CallsWithADeadlineInThePastSendNothing) {
  const ContainerId id = make(shell("sleep 100"));
  EXPECT_CODE(runtime_->start(id, {.deadline = TimePoint{}}), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(look(id).state, ContainerState::kCreated);
}

TEST_F(DockerTest, DestroyingTheRuntimeLeavesContainersRunning) {
  const ContainerId id = run(shell("sleep 100"));
  runtime_.reset();
  SetUp();
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

}  // namespace
}  // namespace control::docker::test

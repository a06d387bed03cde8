#include <algorithm>
#include <filesystem>
#include <thread>

#include "real_engines/engine_test.h"

namespace control::test {
namespace {

TEST_F(EngineTest, CreatePreservesWhatWasAskedFor) {
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
  spec.log_driver = engine_.log_driver;
  spec.log_options = {{"max-size", "1m"}};
  const ContainerId id = make(spec);
  const ContainerInfo info = look(id);
  EXPECT_EQ(info.state, ContainerState::kCreated);
  EXPECT_EQ(info.spec.name, spec.name);
  EXPECT_EQ(info.spec.command, spec.command);
  for (const auto& one : spec.environment)
    EXPECT_EQ(std::count(info.spec.environment.begin(), info.spec.environment.end(), one), 1);
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
  EXPECT_EQ(info.spec.log_driver, spec.log_driver);
  EXPECT_FALSE(info.exit);
  EXPECT_FALSE(info.started_at);
}

TEST_F(EngineTest, ContainerMadeFromAnInspectionIsTheSame) {
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

TEST_F(EngineTest, CreateWithAMissingImageIsImageNotFound) {
  ContainerSpec spec = shell("true");
  spec.image = "no.such/image:1";
  EXPECT_CODE(runtime_->create(spec, soon()), ErrorCode::kImageNotFound);
}

TEST_F(EngineTest, CreateWithATakenNameKeepsTheExistingContainer) {
  const ContainerSpec spec = shell("sleep 100");
  const ContainerId id = run(spec);
  EXPECT_CODE(runtime_->create(spec, soon()), ErrorCode::kAlreadyExists);
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

TEST_F(EngineTest, CreateRefusesAnUnknownLogDriverAtOnce) {
  ContainerSpec spec = shell("true");
  spec.log_driver = "no-such-driver";
  EXPECT_CODE(runtime_->create(spec, soon(seconds(2))), ErrorCode::kInvalidArgument);
}

TEST_F(EngineTest, InspectOfAMissingContainerIsNotFound) {
  EXPECT_CODE(runtime_->inspect({"no-such-container"}, soon()), ErrorCode::kNotFound);
}

TEST_F(EngineTest, StartingARunningContainerChangesNothing) {
  const ContainerId id = run(shell("sleep 100"));
  const auto started_at = look(id).started_at;
  const auto again = runtime_->start(id, soon());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, StartOutcome::kAlreadyRunning);
  EXPECT_EQ(look(id).started_at, started_at);
}

TEST_F(EngineTest, StartOfABadCommandIsStartFailedAndInspectSaysWhy) {
  ContainerSpec spec = shell("");
  spec.command = {"/no/such/program"};
  const ContainerId id = make(spec);
  EXPECT_CODE(runtime_->start(id, soon()), ErrorCode::kStartFailed);
  const ContainerInfo info = look(id);
  EXPECT_EQ(info.state, ContainerState::kCreated);
  EXPECT_NE(info.error.find("/no/such/program"), std::string::npos) << info.error;
  EXPECT_FALSE(info.exit);
}

TEST_F(EngineTest, StartOfAMissingContainerIsNotFound) {
  EXPECT_CODE(runtime_->start({"no-such-container"}, soon()), ErrorCode::kNotFound);
}

TEST_F(EngineTest, StartOnATakenPortIsPortConflict) {
  ContainerSpec spec = shell("sleep 100");
  spec.network = NetworkMode::kDefault;
  spec.ports = {{.container_port = 80}};
  ContainerSpec second = spec;
  second.ports = must(runtime_->inspect(run(spec), soon())).spec.ports;
  second.name = uniqueName();
  EXPECT_CODE(runtime_->start(make(second), soon()), ErrorCode::kPortConflict);
}

TEST_F(EngineTest, RemoveOfARunningContainerNeedsForce) {
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

/// Open files below /proc and /sys whose names hold that text.
std::size_t openFilesOf(const std::string& text) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    const auto target = std::filesystem::read_symlink(entry.path(), ignored);
    if (target.native().find(text) != std::string::npos) ++count;
  }
  return count;
}

TEST_F(EngineTest, RemovalByNameClosesWhatStatisticsHeldOpen) {
  const ContainerSpec spec = shell("sleep 100");
  const ContainerId id = run(spec);
  const auto samples = runtime_->stats(std::vector{id}, soon());
  ASSERT_TRUE(samples[0]) << samples[0].error().message;
  ASSERT_GT(openFilesOf(id.value), 0U) << "they are not of the kernel";
  const auto removed = runtime_->remove({spec.name}, {.force = true}, soon());
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(openFilesOf(id.value), 0U);
}

TEST_F(EngineTest, ConcurrentRemovalsAllSucceed) {
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

TEST_F(EngineTest, UpdateRaisesTheMemoryLimitAndKeepsTheSwap) {
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

TEST_F(EngineTest, CallsWithADeadlineInThePastSendNothing) {
  const ContainerId id = make(shell("sleep 100"));
  EXPECT_CODE(runtime_->start(id, {.deadline = TimePoint{}}), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(look(id).state, ContainerState::kCreated);
}

TEST_F(EngineTest, DestroyingTheRuntimeLeavesContainersRunning) {
  const ContainerId id = run(shell("sleep 100"));
  runtime_.reset();
  SetUp();
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

}  // namespace
}  // namespace control::test

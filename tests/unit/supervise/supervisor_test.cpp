#include <gmock/gmock.h>

#include <thread>

#include "supervisor_on_mock.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using test::serverThat;
using test::SupervisorTest;
using ::testing::ElementsAre;

TEST_F(SupervisorTest, CreatesThenStarts) {
  ASSERT_TRUE(supervisor_->create("a", serverThat(), "op-1"));
  ASSERT_TRUE(supervisor_->start("a", "op-2"));
  ASSERT_TRUE(observer_.waitForEnd("op-2"));
  EXPECT_THAT(observer_.states("a"), ElementsAre(EntryState::kCreating, EntryState::kCreated,
                                                 EntryState::kStarting, EntryState::kRunning));
  const auto running = observer_.waitFor("a", EntryState::kRunning);
  EXPECT_EQ(running->operation_id, "op-2");
  EXPECT_TRUE(running->pid);
  EXPECT_TRUE(running->container);
  EXPECT_EQ(observer_.endsOf("op-1"), 1U);
  EXPECT_EQ(observer_.endsOf("op-2"), 1U);
  const auto info = runtime_->inspect(idOf("a"), {});
  ASSERT_TRUE(info);
  EXPECT_EQ(info->spec.name, "control-a");
  EXPECT_EQ(info->spec.labels.at("libcontrol.entry"), "a");
}

TEST_F(SupervisorTest, PullsAMissingImageFirst) {
  auto spec = serverThat();
  spec.container.image = "example/pullable:1";
  ASSERT_TRUE(supervisor_->create("a", spec, "op"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kCreated));
  EXPECT_THAT(observer_.states("a"), ElementsAre(EntryState::kCreating, EntryState::kPulling,
                                                 EntryState::kCreating, EntryState::kCreated));
}

TEST_F(SupervisorTest, FailedCreationIsToldAndMakesRoom) {
  auto spec = serverThat();
  spec.container.image = "mock/missing:1";
  ASSERT_TRUE(supervisor_->create("a", spec, "op-1"));
  const auto failed = observer_.waitFor("a", EntryState::kFailed);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->failed, OperationKind::kCreate);
  ASSERT_TRUE(failed->error);
  EXPECT_EQ(failed->error->code, ErrorCode::kImageNotFound);
  EXPECT_EQ(failed->reason, Reason::kImageMissing);
  ASSERT_TRUE(observer_.waitForEnd("op-1")->error);
  EXPECT_TRUE(supervisor_->create("a", serverThat(), "op-2"));
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kCreated));
}

TEST_F(SupervisorTest, FailedPullIsToldAsOneEvenWithoutProgress) {
  auto spec = serverThat();
  spec.container.image = "example/pullable:1";
  engine().failNext(testing::Primitive::kPull,
                    {.code = ErrorCode::kUnavailable, .message = "no registry there"});
  ASSERT_TRUE(supervisor_->create("a", spec, "op"));
  const auto failed = observer_.waitFor("a", EntryState::kFailed);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->previous, EntryState::kPulling);
}

// Crashed the process: the start looked for a container that was never made.
TEST_F(SupervisorTest, StartThatWaitsForACreationThatFailsEndsWithAnError) {
  auto spec = serverThat();
  spec.container.image = "mock/missing:1";
  bool waited = false;
  // A start that comes when the creation has failed already is refused and shows nothing.
  for (int i = 0; i < 200 && !waited; ++i) {
    const std::string name = "a" + std::to_string(i);
    ASSERT_TRUE(supervisor_->create(name, spec, "create-" + name));
    waited = static_cast<bool>(supervisor_->start(name, "start-" + name));
    if (!waited) continue;
    const auto end = observer_.waitForEnd("start-" + name);
    ASSERT_TRUE(end && end->error);
    EXPECT_EQ(end->error->code, ErrorCode::kNotFound);
  }
  EXPECT_TRUE(waited);
}

TEST_F(SupervisorTest, CreatingWhatExistsIsRefusedAtOnce) {
  createAndStart("a", serverThat());
  const auto again = supervisor_->create("a", serverThat(), "op-2");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
}

TEST_F(SupervisorTest, UnknownEntryIsNotFound) {
  EXPECT_EQ(supervisor_->start("nobody", "op").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(supervisor_->status("nobody").error().code, ErrorCode::kNotFound);
}

TEST_F(SupervisorTest, RemoveStopsAndForgets) {
  createAndStart("a", serverThat());
  const ContainerId id = idOf("a");
  ASSERT_TRUE(supervisor_->remove("a", "op"));
  ASSERT_FALSE(observer_.waitForEnd("op")->error);
  const auto states = observer_.states("a");
  EXPECT_EQ(states[states.size() - 2], EntryState::kDeleting);
  EXPECT_EQ(states.back(), EntryState::kDeleted);
  EXPECT_EQ(supervisor_->status("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(runtime_->inspect(id, {}).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(supervisor_->create("a", serverThat(), "again"));
  EXPECT_FALSE(observer_.waitForEnd("again")->error);
}

/// As one does that replaces a server as soon as it hears that the old one is gone.
TEST_F(SupervisorTest, NameIsFreeWhenItsEntryIsToldToBeDeleted) {
  struct Replacing : test::RecordingObserver {
    void onTransition(const Transition& transition) override {
      RecordingObserver::onTransition(transition);
      if (transition.current != EntryState::kDeleted) return;
      std::thread([this] { EXPECT_TRUE(supervisor->create("a", serverThat(), "again")); }).join();
    }
    Supervisor* supervisor = nullptr;
  } observer;
  supervisor_ =
      std::make_unique<Supervisor>(runtime_, SupervisorOptions{.stats_interval = 0s}, observer);
  observer.supervisor = supervisor_.get();
  supervisor_->open(CallContext::within(5s));
  ASSERT_TRUE(supervisor_->create("a", serverThat(), "create"));
  ASSERT_TRUE(observer.waitForEnd("create"));
  ASSERT_TRUE(supervisor_->remove("a", "remove"));
  const auto end = observer.waitForEnd("again");
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->error);
  ASSERT_TRUE(observer.waitForEnd("remove"));
  EXPECT_EQ(supervisor_->status("a")->state, EntryState::kCreated);
  ASSERT_TRUE(supervisor_->start("a", "start"));
  EXPECT_FALSE(observer.waitForEnd("start")->error);
  supervisor_.reset();
}

TEST_F(SupervisorTest, WhatIsBeingDeletedTakesNoOperations) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->remove("a", "op-1"));
  const auto refused = supervisor_->start("a", "op-2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kWrongState);
}

TEST_F(SupervisorTest, LimitsApplyAtOnceAndASpecificationAtTheNextStart) {
  createAndStart("a", serverThat());
  const ContainerId id = idOf("a");
  EntryUpdate update;
  update.limits.memory_bytes = 64 << 20;
  update.respec = [](ContainerSpec spec) -> Result<ContainerSpec> {
    spec.environment.emplace_back("MODE", "hard");
    return spec;
  };
  ASSERT_TRUE(supervisor_->update("a", update, "op-1"));
  ASSERT_FALSE(observer_.waitForEnd("op-1")->error);
  EXPECT_EQ(idOf("a"), id);
  EXPECT_EQ(runtime_->inspect(id, {})->spec.limits.memory_bytes, 64 << 20);
  ASSERT_TRUE(supervisor_->restart("a", {}, "op-2"));
  ASSERT_FALSE(observer_.waitForEnd("op-2")->error);
  const auto info = runtime_->inspect(idOf("a"), {});
  EXPECT_NE(info->id, id);
  EXPECT_EQ(info->spec.environment.back(), (std::pair<std::string, std::string>("MODE", "hard")));
  EXPECT_EQ(info->spec.limits.memory_bytes, 64 << 20);
  EXPECT_EQ(info->spec.name, "control-a");
}

TEST_F(SupervisorTest, SwapStaysWhatItIsBesideMemoryThatChanges) {
  const auto limitsOf = [&] { return runtime_->inspect(idOf("a"), {})->spec.limits; };
  const auto update = [&](std::int64_t memory, const std::string& operation) {
    EntryUpdate change;
    change.limits.memory_bytes = memory;
    ASSERT_TRUE(supervisor_->update("a", change, operation));
    ASSERT_FALSE(observer_.waitForEnd(operation)->error);
  };
  EntrySpec spec = serverThat();
  spec.container.limits = {.memory_bytes = 100 << 20, .memory_swap_bytes = 150 << 20};
  createAndStart("a", spec);
  const ContainerId id = idOf("a");
  update(200 << 20, "live");
  EXPECT_EQ(limitsOf().memory_swap_bytes, 250 << 20);
  EntryUpdate anew;
  anew.respec = [](ContainerSpec current) -> Result<ContainerSpec> { return current; };
  ASSERT_TRUE(supervisor_->update("a", anew, "anew"));
  update(300 << 20, "waits");
  EXPECT_EQ(limitsOf().memory_swap_bytes, 350 << 20);
  ASSERT_TRUE(supervisor_->restart("a", {}, "restart"));
  ASSERT_FALSE(observer_.waitForEnd("restart")->error);
  EXPECT_NE(idOf("a"), id);
  EXPECT_EQ(limitsOf().memory_bytes, 300 << 20);
  EXPECT_EQ(limitsOf().memory_swap_bytes, 350 << 20);
}

TEST_F(SupervisorTest, SwapWithoutEndStaysSoAndNoneBeginsWithALimitOfMemory) {
  const auto swapAfter = [&](const std::string& name, const ResourceLimits& before, bool anew) {
    EntrySpec spec = serverThat();
    spec.container.limits = before;
    createAndStart(name, spec);
    EntryUpdate change;
    change.limits.memory_bytes = 200 << 20;
    if (anew)
      change.respec = [](ContainerSpec current) -> Result<ContainerSpec> { return current; };
    EXPECT_TRUE(supervisor_->update(name, change, name + "-update"));
    EXPECT_FALSE(observer_.waitForEnd(name + "-update")->error);
    const auto live = runtime_->inspect(idOf(name), {})->spec.limits.memory_swap_bytes;
    EXPECT_TRUE(supervisor_->restart(name, {}, name + "-restart"));
    EXPECT_FALSE(observer_.waitForEnd(name + "-restart")->error);
    EXPECT_EQ(runtime_->inspect(idOf(name), {})->spec.limits.memory_swap_bytes, live);
    return live;
  };
  const ResourceLimits endless{.memory_bytes = 100 << 20, .memory_swap_bytes = -1};
  EXPECT_EQ(swapAfter("a", endless, false), -1);
  EXPECT_EQ(swapAfter("b", endless, true), -1);
  EXPECT_EQ(swapAfter("c", {}, false), 200 << 20);
  EXPECT_EQ(swapAfter("d", {}, true), 200 << 20);
}

TEST_F(SupervisorTest, AnUpdateThatDoesNotFitFailsAndLeavesTheStartsAfterItAlone) {
  createAndStart("a", serverThat());
  EntryUpdate update;
  update.limits.memory_bytes = 64 << 20;
  update.respec = [](const ContainerSpec&) -> Result<ContainerSpec> {
    return Error{.code = ErrorCode::kInvalidArgument, .message = "does not fit"};
  };
  ASSERT_TRUE(supervisor_->update("a", update, "op-1"));
  ASSERT_TRUE(observer_.waitForEnd("op-1")->error);
  EXPECT_EQ(observer_.waitForEnd("op-1")->error->code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(runtime_->inspect(idOf("a"), {})->spec.limits.memory_bytes);
  ASSERT_TRUE(supervisor_->restart("a", {}, "op-2"));
  EXPECT_FALSE(observer_.waitForEnd("op-2")->error);
}

TEST_F(SupervisorTest, TheLaterOfTwoLimitsHoldsAfterTheNextStart) {
  createAndStart("a", serverThat());
  EntryUpdate first;
  first.limits.memory_bytes = 64 << 20;
  first.respec = [](ContainerSpec spec) -> Result<ContainerSpec> { return spec; };
  EntryUpdate second;
  second.limits.memory_bytes = 128 << 20;
  ASSERT_TRUE(supervisor_->update("a", first, "op-1"));
  ASSERT_TRUE(supervisor_->update("a", second, "op-2"));
  ASSERT_TRUE(supervisor_->restart("a", {}, "op-3"));
  ASSERT_FALSE(observer_.waitForEnd("op-3")->error);
  EXPECT_EQ(runtime_->inspect(idOf("a"), {})->spec.limits.memory_bytes, 128 << 20);
}

TEST_F(SupervisorTest, RefusesOperationsBeyondTheQueueLimit) {
  createAndStart("a", serverThat({{"mock.ignore_signals", "TERM"}}));
  ASSERT_TRUE(supervisor_->restart("a", {.timeout = 1h}, "first"));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kRestarting));
  int accepted = 0;
  Result<void> last;
  while ((last = supervisor_->start("a", "more"))) ++accepted;
  EXPECT_EQ(accepted, 64);
  EXPECT_EQ(last.error().code, ErrorCode::kResourceExhausted);
}

TEST_F(SupervisorTest, MeasuresRatesBetweenTwoSamples) {
  createAndStart("a", serverThat({{"mock.cpu_percent", "50"}}));
  std::optional<StatsRates> rates;
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (!rates && std::chrono::steady_clock::now() < give_up)
    rates = supervisor_->measure("a", CallContext::within(1s))->rates;
  ASSERT_TRUE(rates);
  ASSERT_TRUE(rates->cpu_percent);
  EXPECT_NEAR(*rates->cpu_percent, 50, 5);
}

TEST_F(SupervisorTest, SamplesAllThatRunsAtItsInterval) {
  createAndStart("a", serverThat());
  createAndStart("b", serverThat());
  ASSERT_TRUE(supervisor_->create("c", serverThat(), "op"));
  supervisor_.reset();
  supervisor_ =
      std::make_unique<Supervisor>(runtime_, SupervisorOptions{.stats_interval = 20ms}, observer_);
  supervisor_->open(CallContext::within(5s));
  EXPECT_TRUE(observer_.waitUntil(
      [&] { return !observer_.sweeps().empty() && observer_.sweeps().back().size() == 2; }));
}

TEST_F(SupervisorTest, PullBelongsToNoEntryAndReportsItsEnd) {
  ASSERT_TRUE(supervisor_->pull("example/pullable:2", {}, "op-1"));
  EXPECT_FALSE(observer_.waitForEnd("op-1")->error);
  ASSERT_TRUE(supervisor_->pull("mock/missing:2", {}, "op-2"));
  ASSERT_TRUE(observer_.waitForEnd("op-2")->error);
  EXPECT_EQ(observer_.waitForEnd("op-2")->error->code, ErrorCode::kImageNotFound);
}

TEST_F(SupervisorTest, RemovalWaitsForTheContainerThatTheEngineIsMaking) {
  // A real engine makes it whether its client still listens or not, and be it a minute later.
  ASSERT_TRUE(engine().inject({.when = {.primitive = testing::Primitive::kCreate},
                               .then = {.latency = std::chrono::milliseconds(500)}}));
  ASSERT_TRUE(supervisor_->create("a", serverThat(), "create"));
  ASSERT_TRUE(test::eventually([&] { return isAsked(testing::Primitive::kCreate); }));
  ASSERT_TRUE(supervisor_->remove("a", "remove"));
  const auto end = observer_.waitForEnd("remove");
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->error);
  std::size_t made = 0;
  std::size_t removed = 0;
  for (const testing::JournalEntry& one : engine().journal()) {
    made += one.primitive == testing::Primitive::kCreate && one.finished && !one.error;
    removed += one.primitive == testing::Primitive::kRemove && one.finished && !one.error;
  }
  EXPECT_EQ(made, 1U);
  EXPECT_EQ(removed, 1U);
  EXPECT_TRUE(runtime_->list({}, {})->empty());
}

}  // namespace
}  // namespace control

#include <gmock/gmock.h>
#include <libcontrol/images.h>

#include <algorithm>
#include <thread>

#include "real_engines/engine_test.h"

namespace control::test {
namespace {

TEST_F(EngineTest, InfoNamesTheEngine) {
  const auto info = runtime_->info(soon());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->engine, engine_.name);
  EXPECT_FALSE(info->version.empty());
  EXPECT_EQ(info->endpoint, engine_.socket);
  EXPECT_TRUE(info->has(Capability::kExitFromKernel));
  EXPECT_TRUE(info->cgroup_version == 1 || info->cgroup_version == 2);
}

TEST_F(EngineTest, UnreachableEngineIsUnavailable) {
  EXPECT_CODE(openEngine(engine_.name + ":///nowhere/e.sock"), ErrorCode::kUnavailable);
}

TEST_F(EngineTest, ListFiltersByLabelAndState) {
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

TEST_F(EngineTest, StatsOfABusyContainerGrowAndOthersFailAlone) {
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

TEST_F(EngineTest, StatsFollowARestartAsAnotherRun) {
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

TEST_F(EngineTest, FindImageTellsPresentFromAbsent) {
  const auto image = runtime_->findImage(kTestImage, soon());
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_THAT(image->id, ::testing::MatchesRegex(engine_.image_ids));
  EXPECT_FALSE(image->references.empty());
  EXPECT_CODE(runtime_->findImage("no.such/image:1", soon()), ErrorCode::kImageNotFound);
  EXPECT_CODE(runtime_->findImage("../containers/json", soon()), ErrorCode::kInvalidArgument);
}

TEST_F(EngineTest, ImagesAreListedAndThoseOfContainersStay) {
  auto* const images = runtime_->extension<ImageStore>();
  ASSERT_NE(images, nullptr);
  const ContainerId id = make(shell("true"));
  const auto used = runtime_->findImage(kTestImage, soon());
  const auto list = images->listImages(soon());
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_TRUE(std::any_of(list->begin(), list->end(), [&](const ImageInfo& image) {
    return image.id == used->id && image.references == used->references && image.size_bytes > 0;
  }));
  EXPECT_CODE(images->removeImage(kTestImage, soon()), ErrorCode::kWrongState);
  const auto absent = images->removeImage("no.such/image:1", soon());
  ASSERT_TRUE(absent) << absent.error().message;
  EXPECT_EQ(*absent, RemoveOutcome::kAbsent);
  EXPECT_CODE(images->removeImage("../containers/json", soon()), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace control::test

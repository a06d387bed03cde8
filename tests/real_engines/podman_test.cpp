// What is Podman's alone.

#include <algorithm>

#include "engines/raw_engine.h"
#include "real_engines/engine_test.h"

namespace control::test {
namespace {

/// A pod with its infra container and one of the user's, made without our code.
class RawPod {
 public:
  explicit RawPod(std::string name) : name_(std::move(name)) {
    ask("POST", "/pods/create", R"({"name":")" + name_ + R"("})");
    member_ =
        ask("POST", "/containers/create",
            R"({"name":")" + name_ + R"(-member","pod":")" + name_ + R"(","image":")" + kTestImage +
                R"(","command":["/bin/sh","-c","trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done"]})")
            ->getValue<std::string>("Id");
    ask("POST", "/pods/" + name_ + "/start");
    infra_ = look()->getValue<std::string>("InfraContainerID");
  }
  ~RawPod() { rawPodman("DELETE", kRoot + "/pods/" + name_ + "?force=true&timeout=0"); }
  RawPod(const RawPod&) = delete;
  RawPod& operator=(const RawPod&) = delete;

  ContainerId member() const { return {member_}; }
  ContainerId infra() const { return {infra_}; }
  Poco::JSON::Object::Ptr look() const { return ask("GET", "/pods/" + name_ + "/json"); }
  std::string state() const { return look()->getValue<std::string>("State"); }
  std::size_t containers() const { return look()->getArray("Containers")->size(); }

 private:
  static inline const std::string kRoot = "/v4.0.0/libpod";

  static Poco::JSON::Object::Ptr ask(std::string_view method, const std::string& rest,
                                     const std::string& body = {}) {
    const RawReply reply = rawPodman(method, kRoot + rest, body);
    if (reply.status / 100 != 2) throw std::runtime_error(rest + ": " + reply.body);
    return reply.json();
  }

  std::string name_;
  std::string member_;
  std::string infra_;
};

TEST_F(EngineTest, ApiHasTheVersionOfTheEngine) {
  const auto info = runtime_->info(soon());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->api_version.substr(0, 2), info->version.substr(0, 2));
}

TEST_F(EngineTest, PodsAreLeftAlone) {
  const RawPod pod(uniqueName());
  const ContainerId ours = run(shell("sleep 1000"));
  const auto mine = runtime_->list({.labels = {{"control.test", "yes"}}}, soon());
  ASSERT_TRUE(mine);
  EXPECT_TRUE(std::none_of(mine->begin(), mine->end(), [&](const ContainerSummary& one) {
    return one.id == pod.infra() || one.id == pod.member();
  }));
  EXPECT_EQ(must(runtime_->remove(ours, {.force = true}, soon())), RemoveOutcome::kRemoved);
  EXPECT_EQ(pod.state(), "Running");
  EXPECT_EQ(pod.containers(), 2U);
}

TEST_F(EngineTest, AContainerOfAPodIsAContainer) {
  const RawPod pod(uniqueName());
  const auto all = runtime_->list({}, soon());
  ASSERT_TRUE(all);
  EXPECT_TRUE(std::any_of(all->begin(), all->end(),
                          [&](const ContainerSummary& one) { return one.id == pod.member(); }));
  EXPECT_EQ(look(pod.member()).state, ContainerState::kRunning);
  awaitOutput(pod.member());
  const auto samples = runtime_->stats(std::vector{pod.member()}, soon());
  ASSERT_TRUE(samples[0]) << samples[0].error().message;
  EXPECT_GT(samples[0]->memory_usage_bytes.value_or(0), 0U);
  const auto stopped = runtime_->stop(pod.member(), {.timeout = seconds(10)}, soon());
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_EQ(look(pod.member()).exit->exit_code, 3);
  EXPECT_EQ(look(pod.infra()).state, ContainerState::kRunning);
}

TEST_F(EngineTest, TheContainerThatHoldsAPodTogetherIsNotRemovedFromIt) {
  const RawPod pod(uniqueName());
  const auto removed = runtime_->remove(pod.infra(), {.force = true}, soon());
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, ErrorCode::kUnsupported) << removed.error().message;
  EXPECT_EQ(pod.state(), "Running");
}

}  // namespace
}  // namespace control::test

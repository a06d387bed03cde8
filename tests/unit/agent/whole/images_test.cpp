// What a panel may do with the images of the host.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "unit/agent/whole/agent_on_mock.h"
#include "unit/supervise/gated_runtime.h"

namespace agent {
namespace {

using testing::HasSubstr;
using testing::Not;

class ImagesOfTheHost : public AgentOnMock {
 protected:
  ImagesOfTheHost() {
    // One that the operator has.
    control::ContainerSpec spec;
    spec.image = "operator/own:1";
    spec.name = "operators";
    EXPECT_TRUE(runtime_->create(spec, soon()));
    open();
  }
  /// Its response, once it has ended.
  Json ask(const std::string& action, const std::string& members = "") {
    const Json answer = AgentOnMock::ask(action, members);
    const std::string status = at(answer, "data.status");
    if (status != "pulling" && status != "creating") return answer;
    EXPECT_EQ(at(panel_.completed(at(answer, "id")), "data.success"), "true");
    return answer;
  }
  static std::string image(const std::string& name) {
    return R"("payload":{"image":")" + name + R"("})";
  }
};

TEST_F(ImagesOfTheHost, AreListedAndSayWhichThePanelMayRemove) {
  ask("pull_image", image("panels/pullable:1"));
  const std::string list = at(ask("list_images"), "data.images");
  EXPECT_THAT(list, HasSubstr(R"("references":["operator/own:1"])"));
  EXPECT_THAT(list, HasSubstr(R"("references":["panels/pullable:1"],"sizeBytes":52428800,)"
                              R"("removable":true)"));
}

TEST_F(ImagesOfTheHost, OfTheOperatorStay) {
  const Json refused = ask("remove_image", image("operator/own:1"));
  EXPECT_EQ(at(refused, "error.code"), "POLICY_VIOLATION");
  ask("pull_image", image("operator/own:1"));
  EXPECT_EQ(at(ask("remove_image", image("operator/own:1")), "error.code"), "POLICY_VIOLATION");
  EXPECT_EQ(at(ask("prune_images"), "data.removed"), "[]");
  EXPECT_TRUE(runtime_->findImage("operator/own:1", soon()));
}

TEST_F(ImagesOfTheHost, OfTheOperatorAreKnownByEveryNameTheyHave) {
  control::ContainerSpec spec;
  spec.image = "docker.io/library/nginx:latest";
  ASSERT_TRUE(runtime_->create(spec, soon()));
  open();
  for (const char* name : {"nginx", "nginx:latest", "library/nginx", "docker.io/library/nginx"}) {
    ask("pull_image", image(name));
    EXPECT_EQ(at(ask("remove_image", image(name)), "error.code"), "POLICY_VIOLATION") << name;
  }
}

TEST_F(ImagesOfTheHost, ThatThePanelPulledItRemovesAlsoAfterARestart) {
  ask("pull_image", image("panels/pullable:1"));
  open();
  EXPECT_EQ(at(ask("remove_image", image("panels/pullable:1")), "data"),
            R"({"image":"panels/pullable:1","removed":true})");
  EXPECT_FALSE(runtime_->findImage("panels/pullable:1", soon()));
  EXPECT_EQ(at(ask("remove_image", image("panels/pullable:1")), "error.code"), "POLICY_VIOLATION");
}

TEST_F(ImagesOfTheHost, InUseStay) {
  ask("create_server", R"("serverId":"s1","payload":{"image":"servers/pullable:1"})");
  ask("pull_image", image("panels/pullable:1"));
  EXPECT_EQ(at(ask("remove_image", image("servers/pullable:1")), "error.code"), "INVALID_STATE");
  EXPECT_EQ(at(ask("prune_images"), "data"),
            R"({"removed":["panels/pullable:1"],"inUse":["servers/pullable:1"]})");
  EXPECT_TRUE(runtime_->findImage("servers/pullable:1", soon()));
}

/// "private" asks for credentials on the mock engine.
TEST_F(ImagesOfTheHost, OfRegistriesThatAskForCredentialsComeWithThoseOfTheHost) {
  const auto pull = [&] {
    const Json answer = AgentOnMock::ask("pull_image", image("private.example/private/pullable:1"));
    return at(answer, "success") == "true" ? panel_.completed(at(answer, "id")) : answer;
  };
  EXPECT_EQ(at(pull(), "data.error.code"), "IMAGE_PULL_FAILED");

  config_.registry_auth_file = directory_.path() + "/auth.json";
  std::ofstream(config_.registry_auth_file)
      << R"({"auths":{"private.example":{"username":"me","password":"s3cret"}}})";
  open();
  const Json refused = pull();
  EXPECT_EQ(at(refused, "error.code"), "IMAGE_PULL_FAILED");
  EXPECT_THAT(at(refused, "error.message"), Not(HasSubstr(directory_.path())));
  std::filesystem::permissions(config_.registry_auth_file, std::filesystem::perms(0600));
  EXPECT_EQ(at(pull(), "data.success"), "true");
}

class ALongPull : public AgentOnMock {
 protected:
  ALongPull() : AgentOnMock(std::make_shared<control::test::GatedRuntime>(mockRuntime())) {}
};

TEST_F(ALongPull, IsToldOfFourTimesASecondAtMost) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kPull{900};
  Clock::time_point end{};
  std::int64_t bytes = 0;
  static_cast<control::test::GatedRuntime&>(*runtime_).onPulls(
      [&]() -> std::optional<control::PullProgress> {
        if (bytes == 0) end = Clock::now() + kPull;
        if (Clock::now() >= end) return std::nullopt;
        return control::PullProgress{
            .layer = "l", .status = "Downloading", .current_bytes = ++bytes};
      });
  open();
  const Clock::time_point begun = Clock::now();
  const auto isProgress = [](const Json& message) {
    return at(message, "event") == "image_pull_progress";
  };
  ASSERT_EQ(at(finish("pull_image", R"("payload":{"image":"pullable:1"})"), "data.success"),
            "true");
  const auto quarters = (Clock::now() - begun) / std::chrono::milliseconds(250);
  const std::vector<Json> all = panel_.all();
  const auto told = std::count_if(all.begin(), all.end(), isProgress);
  EXPECT_GT(bytes, 10);
  EXPECT_GE(told, 2);
  EXPECT_LE(told, quarters + 2);  // the first, and at the end what was not told yet
}

}  // namespace
}  // namespace agent

// What a panel may do with the images of the host.

#include <atomic>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libcontrol/images.h>
#include <libcontrol/loader.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/panel/agent.h"
#include "mock/mock_plugin.h"
#include "unit/agent/protocol/recording_panel.h"

namespace agent {
namespace {

using testing::HasSubstr;

std::shared_ptr<control::ContainerRuntime> mockRuntime() {
  static std::atomic<int> last{0};
  static const control::PluginDescriptor* const kLinked[] = {&control::mock::descriptor()};
  control::LoadOptions options;
  options.linked_plugins = kLinked;
  auto runtime = control::loadRuntime(
      "mock:///images-" + std::to_string(::getpid()) + '-' + std::to_string(++last), options);
  if (!runtime) throw std::runtime_error(runtime.error().message);
  return *runtime;
}

class ImagesOfTheHost : public testing::Test {
 protected:
  ImagesOfTheHost() {
    std::string pattern = (std::filesystem::temp_directory_path() / "images-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    config_.node_id = "node-1";
    config_.data_dir = directory_ + "/data";
    config_.state_dir = directory_ + "/state";
    config_.container_data_path = "/home/container";
    // One that the operator has.
    control::ContainerSpec spec;
    spec.image = "operator/own:1";
    spec.name = "operators";
    EXPECT_TRUE(runtime_->create(spec, soon()));
    open();
  }
  ~ImagesOfTheHost() override {
    agent_.reset();
    std::filesystem::remove_all(directory_);
  }

  static control::CallContext soon() {
    return control::CallContext::within(std::chrono::seconds(5));
  }
  void open() {
    agent_.reset();
    agent_ = std::make_unique<Agent>(
        config_, runtime_, [this](const Outbound& message) { panel_.receive(message.text); });
    agent_->open();
  }
  Json ask(const std::string& action, const std::string& members = "") {
    const std::string id = "c" + std::to_string(++last_);
    agent_->onMessage(R"({"id":")" + id + R"(","type":"command","action":")" + action + '"' +
                      members + "}");
    const Json answer = panel_.response(id);
    const std::string status = at(answer, "data.status");
    if (status != "pulling" && status != "creating") return answer;
    EXPECT_EQ(at(panel_.completed(id), "data.success"), "true");
    return answer;
  }
  static std::string image(const std::string& name) {
    return R"(,"payload":{"image":")" + name + R"("})";
  }

  Config config_{};
  std::string directory_;
  std::shared_ptr<control::ContainerRuntime> runtime_ = mockRuntime();
  RecordingPanel panel_;
  std::unique_ptr<Agent> agent_;
  int last_ = 0;
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
  ask("create_server", R"(,"serverId":"s1","payload":{"image":"servers/pullable:1"})");
  ask("pull_image", image("panels/pullable:1"));
  EXPECT_EQ(at(ask("remove_image", image("servers/pullable:1")), "error.code"), "INVALID_STATE");
  EXPECT_EQ(at(ask("prune_images"), "data"),
            R"({"removed":["panels/pullable:1"],"inUse":["servers/pullable:1"]})");
  EXPECT_TRUE(runtime_->findImage("servers/pullable:1", soon()));
}

}  // namespace
}  // namespace agent

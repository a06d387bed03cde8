// A real registry beside the engine (tests/engines/registry.sh), with and without a password.

#include <gmock/gmock.h>
#include <libcontrol/images.h>

#include <filesystem>
#include <fstream>

#include "real_engines/engine_test.h"

namespace control::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RegistryTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    std::ifstream names(std::filesystem::path(engine_.socket).parent_path() / "registry");
    std::string open;
    std::string closed;
    ASSERT_TRUE(names >> open >> closed)
        << "there is no registry beside this engine: install docker-registry";
    server_ = closed;
    open_ = open + "/control-test-pull:latest";
    closed_ = closed + "/control-test-pull:latest";
    removeImages();
  }
  void TearDown() override {
    removeImages();
    EngineTest::TearDown();
  }

  PullOptions as(const std::string& username, const std::string& password) const {
    return {.credentials = RegistryCredentials{server_, username, password}};
  }
  Result<ImageReport> pull(const std::string& image, const PullOptions& options = {}) {
    return runtime_->ensureImage(
        image, PullPolicy::kAlways, options, [this](const PullProgress&) { ++told_; }, soon());
  }

  std::string server_;
  std::string open_;
  std::string closed_;
  int told_ = 0;

 private:
  void removeImages() {
    auto* const store = runtime_->extension<ImageStore>();
    ASSERT_NE(store, nullptr);
    for (const std::string& image : {open_, closed_})
      if (!image.empty()) (void)store->removeImage(image, soon());
  }
};

TEST_F(RegistryTest, GivesAnImageThatRuns) {
  const auto pulled = pull(open_);
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_TRUE(pulled->pulled);
  EXPECT_GT(told_, 0);
  ContainerSpec spec = shell("exit 7");
  spec.image = open_;
  const ContainerId id = make(spec);
  const auto watch = runtime_->start(id, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  const auto exit = runtime_->wait(id, soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->exit_code, 7);
}

TEST_F(RegistryTest, WithAPasswordGivesNothingWithoutIt) {
  const auto nobody = pull(closed_);
  EXPECT_CODE(nobody, ErrorCode::kPermissionDenied);
  const auto wrong = pull(closed_, as("player", "s3cret-and-wrong"));
  EXPECT_CODE(wrong, ErrorCode::kPermissionDenied);
  EXPECT_THAT(wrong.error().message, Not(HasSubstr("s3cret-and-wrong")));
  EXPECT_CODE(runtime_->findImage(closed_, soon()), ErrorCode::kImageNotFound);
}

TEST_F(RegistryTest, WithAPasswordGivesItsImageToWhoKnowsIt) {
  const auto pulled = pull(closed_, as("player", "please"));
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_TRUE(runtime_->findImage(closed_, soon()));
  // It is not asked again for what is there.
  EXPECT_TRUE(runtime_->ensureImage(closed_, PullPolicy::kIfMissing, {}, {}, soon()));
}

TEST_F(RegistryTest, SaysWhatItDoesNotHave) {
  const std::string missing = open_.substr(0, open_.find('/')) + "/not-there:1";
  EXPECT_CODE(pull(missing), ErrorCode::kImageNotFound);
}

}  // namespace
}  // namespace control::test

// What is Podman's alone.

#include "real_engines/engine_test.h"

namespace control::test {
namespace {

TEST_F(EngineTest, ApiHasTheVersionOfTheEngine) {
  const auto info = runtime_->info(soon());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->api_version.substr(0, 2), info->version.substr(0, 2));
}

}  // namespace
}  // namespace control::test

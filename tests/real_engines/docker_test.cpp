// What is Docker's alone.

#include "real_engines/engine_test.h"

namespace control::test {
namespace {

TEST_F(EngineTest, InfoTellsTheVersionThatWasAgreedOn) {
  const auto info = runtime_->info(soon());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->api_version.substr(0, 2), "1.");
}

TEST_F(EngineTest, InspectionTellsTheOptionsOfTheLog) {
  ContainerSpec spec = shell("true");
  spec.log_driver = "json-file";
  spec.log_options = {{"max-size", "1m"}};
  EXPECT_EQ(look(make(spec)).spec.log_options, spec.log_options);
}

}  // namespace
}  // namespace control::test

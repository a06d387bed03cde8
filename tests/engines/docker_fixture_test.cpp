#include "engines/docker_fixture.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "engines/raw_engine.h"

namespace control::test {
namespace {

TEST(DockerFixture, GivesAnEngineThatAnswers) { EXPECT_EQ(rawDocker("GET", "/_ping").body, "OK"); }

TEST(DockerFixture, GivesAnEngineThatHasTheTestImage) {
  const RawReply reply = rawDocker("GET", std::string("/images/") + kTestImage + "/json");
  EXPECT_EQ(reply.status, 200) << reply.body;
}

TEST(DockerFixture, GivesAnEngineThatRunsContainers) {
  const RawContainer container("exit 3");
  EXPECT_EQ(container.wait(), 3);
}

TEST(DockerFixture, GivesTheSameEngineToEveryCall) { EXPECT_EQ(&dockerUri(), &dockerUri()); }

TEST(DockerFixture, KeepsTheEnginesNetworkApartFromTheHosts) {
  const std::string network = dockerNetworkNamespace();
  if (std::getenv("CONTROL_TEST_DOCKER") != nullptr) return;  // an engine of the caller's choice
  struct stat ours {};
  struct stat engines {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &ours), 0);
  ASSERT_EQ(::stat(network.c_str(), &engines), 0) << network;
  EXPECT_NE(ours.st_ino, engines.st_ino);
}

}  // namespace
}  // namespace control::test

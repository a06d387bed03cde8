#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "engines/podman_fixture.h"
#include "engines/raw_engine.h"

namespace control::test {
namespace {

TEST(PodmanRootlessFixture, BelongsToAnOrdinaryUser) {
  struct stat socket {};
  ASSERT_EQ(::stat(podmanRootlessSocket().c_str(), &socket), 0);
  EXPECT_NE(socket.st_uid, 0u);
  const RawReply info = rawRequest(podmanRootlessSocket(), "GET", "/v4.0.0/libpod/info");
  EXPECT_NE(info.body.find(R"("rootless":true)"), std::string::npos) << info.body;
}

TEST(PodmanRootlessFixture, RunsContainersAsNobodyOfTheHost) {
  const RawContainer container("while :; do sleep 0.1; done", R"({"NetworkMode":"none"})",
                               podmanRootlessSocket());
  struct stat process {};
  ASSERT_EQ(::stat(("/proc/" + std::to_string(container.pid())).c_str(), &process), 0);
  EXPECT_NE(process.st_uid, 0u);
}

TEST(PodmanRootlessFixture, TellsExitCodes) {
  const RawContainer container("exit 3", R"({"NetworkMode":"none"})", podmanRootlessSocket());
  EXPECT_EQ(container.wait(), 3);
}

}  // namespace
}  // namespace control::test

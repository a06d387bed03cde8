#include "engines/podman_fixture.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "engines/raw_engine.h"

namespace control::test {
namespace {

TEST(PodmanFixture, GivesAnEngineThatAnswers) {
  EXPECT_EQ(rawPodman("GET", "/libpod/_ping").body, "OK");
}

TEST(PodmanFixture, GivesAnEngineThatHasTheTestImage) {
  const RawReply reply =
      rawPodman("GET", std::string("/v4.0.0/libpod/images/") + kTestImage + "/json");
  EXPECT_EQ(reply.status, 200) << reply.body;
}

TEST(PodmanFixture, GivesAnEngineThatRunsContainers) {
  const RawContainer container("exit 3", "{}", podmanSocket());
  EXPECT_EQ(container.wait(), 3);
}

TEST(PodmanFixture, PublishesPortsInItsOwnNetwork) {
  const RawContainer container("echo found >/tmp/index.html; exec httpd -f -p 80 -h /tmp",
                               R"({"PortBindings":{"80/tcp":[{"HostPort":"18080"}]}})",
                               podmanSocket());
  const std::string network = podmanNetworkNamespace();
  const std::string enter = network.empty() ? "" : "nsenter --net=" + network + " ";
  // The server listens a moment after its start.
  const std::string fetch = enter +
                            "curl --silent --fail --max-time 30 --retry 100 --retry-delay 1 "
                            "--retry-connrefused http://127.0.0.1:18080/index.html";
  EXPECT_EQ(std::system((fetch + " | grep -q found").c_str()), 0);
}

TEST(PodmanFixture, GivesTheSameEngineToEveryCall) { EXPECT_EQ(&podmanUri(), &podmanUri()); }

TEST(PodmanFixture, KeepsTheEnginesNetworkApartFromTheHosts) {
  const std::string network = podmanNetworkNamespace();
  if (std::getenv("CONTROL_TEST_PODMAN") != nullptr) return;  // an engine of the caller's choice
  struct stat ours {};
  struct stat engines {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &ours), 0);
  ASSERT_EQ(::stat(network.c_str(), &engines), 0) << network;
  EXPECT_NE(ours.st_ino, engines.st_ino);
}

}  // namespace
}  // namespace control::test

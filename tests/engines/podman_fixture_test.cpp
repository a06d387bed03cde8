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
  const std::string fetch = enter + "busybox wget -q -O - http://127.0.0.1:18080/index.html";
  // The server listens a moment after its start.
  const std::string patient =
      "for i in $(seq 100); do " + fetch + " 2>/dev/null && exit 0; sleep 0.1; done; " + fetch;
  EXPECT_EQ(std::system((patient + " | grep -q found").c_str()), 0);
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

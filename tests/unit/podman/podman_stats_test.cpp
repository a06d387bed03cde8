#include <gtest/gtest.h>

#include <string>

#include "podman/podman_json.h"

namespace control::podman {
namespace {

TEST(PodmanStats, AnErrorWithTheStatusOfASuccessIsAnError) {
  const RunId run{{std::string(64, 'a')}, {}};
  for (const char* text : {R"({"Error":{},"Stats":null})", R"({"Error":null,"Stats":[]})",
                           R"({"cause":"x","message":"y","response":500})", "{}", "[]", ""})
    EXPECT_FALSE(parseStats(text, run, {})) << text;
}

TEST(PodmanStats, OfVersion2OfCgroupsComeWithoutPageCache) {
  const RunId run{{"a"}, {}};
  const auto sample = parseStats(
      R"({"Error":null,"Stats":[{"ContainerID":"a","CPUNano":5,"MemUsage":9,"MemLimit":1000}]})",
      run, {.cgroup_version = 2, .host_memory_bytes = 1000});
  ASSERT_TRUE(sample) << sample.error().message;
  EXPECT_EQ(sample->memory_working_set_bytes, 9U);
  EXPECT_FALSE(sample->memory_usage_bytes);
  EXPECT_FALSE(sample->memory_limit_bytes) << "the host's memory is no limit";
}

TEST(PodmanStats, OfTheHostsNetworkThereAreNone) {
  const RunId run{{"a"}, {}};
  for (const char* network : {R"("NetInput":0,"NetOutput":0)",
                              R"("NetInput":0,"NetOutput":0,"Network":{})", R"("Network":null)"}) {
    const std::string text = R"({"Error":null,"Stats":[{"ContainerID":"a","CPUNano":5,"PIDs":2,)" +
                             std::string(network) + "}]}";
    const auto sample = parseStats(text, run, {.host_network = true});
    ASSERT_TRUE(sample) << sample.error().message;
    EXPECT_FALSE(sample->network_rx_bytes) << text;
    EXPECT_FALSE(sample->network_tx_bytes) << text;
    EXPECT_EQ(sample->pids, 2U);
  }
  const auto own = parseStats(
      R"({"Error":null,"Stats":[{"ContainerID":"a","NetInput":0,"NetOutput":3}]})", run, {});
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_EQ(own->network_rx_bytes, 0U);
  EXPECT_EQ(own->network_tx_bytes, 3U);
}

}  // namespace
}  // namespace control::podman

#include "engines/podman_fixture.h"
#include "real_engines/engine_under_test.h"

namespace control::test {
namespace {

constexpr const char* kContainers = "/v4.0.0/libpod/containers/";

}  // namespace

const EngineUnderTest& engineUnderTest() {
  static const EngineUnderTest podman{.name = "podman",
                                      .uri = podmanUri(),
                                      .socket = podmanSocket(),
                                      .network = podmanNetworkNamespace(),
                                      .image_ids = "[0-9a-f]{64}",
                                      .log_driver = "k8s-file",
                                      .log_time_step = 1,
                                      .closes_attached_input = true,
                                      .has_events_of_its_own = true};  // as init and cleanup
  return podman;
}

RawReply askEngine(std::string_view method, const ContainerId& id, const std::string& rest) {
  return rawPodman(method, kContainers + id.value + rest);
}

EngineFigures engineFigures(const ContainerId& id) {
  const RawReply reply =
      rawPodman("GET", std::string(kContainers) + "stats?stream=false&containers=" + id.value);
  if (reply.status != 200) throw std::runtime_error(reply.body);
  const auto stats = reply.json()->getArray("Stats")->getObject(0);
  return {.cpu_time = Duration(stats->getValue<Poco::Int64>("CPUNano")),
          .memory_usage_bytes = stats->getValue<Poco::UInt64>("MemUsage"),
          .pids = stats->getValue<Poco::UInt64>("PIDs")};
}

}  // namespace control::test

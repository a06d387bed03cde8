#include "real_engines/engine_under_test.h"

namespace control::test {

const EngineUnderTest& engineUnderTest() {
  static const EngineUnderTest docker{.name = "docker",
                                      .uri = dockerUri(),
                                      .socket = dockerSocket(),
                                      .network = dockerNetworkNamespace(),
                                      .image_ids = "sha256:[0-9a-f]{64}",
                                      .log_driver = "json-file",
                                      .always_tells_oom = true};
  return docker;
}

RawReply askEngine(std::string_view method, const ContainerId& id, const std::string& rest) {
  return rawDocker(method, "/containers/" + id.value + rest);
}

EngineFigures engineFigures(const ContainerId& id) {
  const RawReply reply = askEngine("GET", id, "/stats?stream=false&one-shot=true");
  if (reply.status != 200) throw std::runtime_error(reply.body);
  const auto stats = reply.json();
  const auto number = [&](const char* group, const char* key) {
    return stats->getObject(group)->getValue<Poco::UInt64>(key);
  };
  const auto cpu = stats->getObject("cpu_stats")->getObject("cpu_usage");
  const auto network = stats->getObject("networks")->getObject("eth0");
  return {.cpu_time = Duration(cpu->getValue<Poco::Int64>("total_usage")),
          .memory_usage_bytes = number("memory_stats", "usage"),
          .pids = number("pids_stats", "current"),
          .network_rx_bytes = network->getValue<Poco::UInt64>("rx_bytes"),
          .network_tx_bytes = network->getValue<Poco::UInt64>("tx_bytes")};
}

}  // namespace control::test

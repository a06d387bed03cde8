#pragma once

#include <libcontrol/loader.h>
#include <libcontrol/runtime.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engines/raw_engine.h"

namespace control::test {

/// The real engine that a program of these tests is built for, and what such engines do each in
/// their own way. docker_engine.cpp and podman_engine.cpp say it of theirs.
struct EngineUnderTest {
  std::string name{};
  std::string uri{};
  std::string socket{};
  std::string network{};     ///< file of the namespace that ports are published in; empty: ours
  std::string image_ids{};   ///< a regular expression
  std::string log_driver{};  ///< one that takes the option max-size
  /// Whether it says of every exit whether it was for lack of memory.
  bool always_tells_oom = false;
  /// In steps of how many seconds it tells when a line was written; 0: exactly.
  int log_time_step = 0;
  /// Whether the attached stdin of a container without a terminal can be closed.
  bool closes_attached_input = false;
  /// Whether its streams hold events nobody else knows.
  bool has_events_of_its_own = false;
};

const EngineUnderTest& engineUnderTest();

/// A call of the engine's own API; `rest`: of the path, behind the container.
RawReply askEngine(std::string_view method, const ContainerId& id, const std::string& rest);

/// The engine's own word on a running container.
struct EngineFigures {
  Duration cpu_time{};
  std::uint64_t memory_usage_bytes = 0;
  std::uint64_t pids = 0;
  std::optional<std::uint64_t> network_rx_bytes{};  ///< absent: it tells none that are as exact
  std::optional<std::uint64_t> network_tx_bytes{};
};
EngineFigures engineFigures(const ContainerId& id);

inline CallContext soon(Duration timeout = std::chrono::seconds(30)) {
  return CallContext::within(timeout);
}

/// Through the loaded plugin, as programs use it.
inline Result<std::shared_ptr<ContainerRuntime>> openEngine(const std::string& uri) {
  return loadRuntime(uri, {.plugin_directory = CONTROL_TEST_PLUGINS}, soon());
}

}  // namespace control::test

#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "agent/http/process_use.h"
#include "agent/panel/link.h"

namespace agent {

/// What the agent knows of itself at one moment, from memory: making one asks nobody.
struct HealthReport {
  std::chrono::system_clock::time_point timestamp{};
  std::string version;
  std::string node_id;
  std::chrono::milliseconds uptime{0};
  LinkStatus link;
  std::string runtime_name;
  bool runtime_reachable = false;
  std::string runtime_problem;  ///< why it is not reachable; may be empty
  std::size_t servers_running = 0;
  std::size_t servers_total = 0;
  std::size_t orphans = 0;
  std::uint64_t console_lines_dropped = 0;
  ProcessUse process;

  /// Why the agent cannot do its work; empty: it is healthy.
  std::vector<std::string> reasons() const;
};

/// Gives a report without waiting for anything. Called from any thread.
class HealthSource {
 public:
  virtual ~HealthSource() = default;
  virtual HealthReport report() const = 0;
};

/// The body of /health: one JSON object.
std::string healthJson(const HealthReport& report);

/// The body of /metrics: OpenMetrics text.
std::string metricsText(const HealthReport& report);

}  // namespace agent

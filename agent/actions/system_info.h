#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <libcontrol/types.h>

#include "agent/panel/json_text.h"

namespace agent {

struct MemoryReading {
  std::int64_t total_bytes = 0;
  std::int64_t available_bytes = 0;
};
/// From the text of /proc/meminfo.
std::optional<MemoryReading> parseMemory(const std::string& meminfo);

struct CpuReading {
  std::string model;
  int count = 0;
};
/// From the text of /proc/cpuinfo.
CpuReading parseCpu(const std::string& cpuinfo);

struct CpuTimes {
  std::uint64_t busy = 0;
  std::uint64_t total = 0;
};
/// From the text of /proc/stat.
std::optional<CpuTimes> parseCpuTimes(const std::string& stat);

struct DiskReading {
  std::int64_t total_bytes = 0;
  std::int64_t free_bytes = 0;
};

/// What this host is and how busy it is, read when asked; its disk when readDisk() was called last,
/// for a file system can take for ever to answer.
///
/// Threads: any. Blocking: readDisk() only.
class HostReadings {
 public:
  explicit HostReadings(std::string data_dir) : data_dir_(std::move(data_dir)) {}

  void readDisk();
  /// Adds os, arch, memory, cpu, networks and the fields of panels in the field to `data`.
  void addTo(Json& data) const;
  /// `{cpu, memory, disk}` in percent, each left out when it cannot be read. cpu is measured since
  /// it was last asked for, at first since the host was started.
  Json load();
  /// The data of get_system_metrics.
  Json metrics();

 private:
  std::optional<double> cpuPercent();
  std::optional<DiskReading> disk() const;

  const std::string data_dir_;
  mutable std::mutex mutex_;
  std::optional<DiskReading> disk_;
  CpuTimes last_times_;
  std::optional<double> last_percent_;
};

/// The data of `system_info`. `runtime` is absent until the engine was reached.
struct AgentIdentity {
  std::string node_id;
  std::string boot_id;
  std::vector<std::string> capabilities;
};
Json encodeSystemInfo(const AgentIdentity& identity, const HostReadings& host,
                      const std::optional<control::RuntimeInfo>& runtime);

/// A random id, new for each run of the agent.
std::string makeBootId();

}  // namespace agent

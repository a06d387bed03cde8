#pragma once

#include <cstdint>
#include <optional>

#include <libcontrol/call.h>
#include <libcontrol/types.h>

namespace control {

/// Cumulative counters and present levels of one run, read at one moment. A figure that the
/// engine or the kernel does not give is absent, never 0.
///
/// Read from the files named below, v1 and v2 being the versions of cgroups. Where they cannot be
/// seen (the engine is on another host) the engine's statistics stand in, Docker's as
/// cpu_stats.cpu_usage.total_usage, cpu_stats.throttling_data.throttled_time, memory_stats (usage,
/// limit, stats), pids_stats, networks and blkio_stats.io_service_bytes_recursive; they count no
/// kills for lack of memory.
struct StatsSample {
  RunId run{};
  TimePoint taken_at{};  ///< on the runtime's clock, when the counters were read
  /// CPU time used since the run began. cgroup v1 cpuacct.usage; v2 cpu.stat usage_usec.
  std::optional<Duration> cpu_time{};
  /// Time the CPU limit held it back. v1 cpu.stat throttled_time; v2 cpu.stat throttled_usec.
  std::optional<Duration> cpu_throttled{};
  /// Memory in use, page cache included. v1 memory.usage_in_bytes; v2 memory.current.
  std::optional<std::uint64_t> memory_usage_bytes{};
  /// Usage without the page cache that can be reclaimed (minus total_inactive_file or
  /// inactive_file).
  std::optional<std::uint64_t> memory_working_set_bytes{};
  /// Absent without a limit. v1 memory.limit_in_bytes; v2 memory.max.
  std::optional<std::uint64_t> memory_limit_bytes{};
  /// Processes killed for lack of memory in this run. v1 memory.oom_control oom_kill; v2
  /// memory.events oom_kill.
  std::optional<std::uint64_t> oom_kills{};
  std::optional<std::uint64_t> pids{};        ///< pids.current
  std::optional<std::uint64_t> pids_limit{};  ///< pids.max; absent without a limit
  /// All interfaces but loopback, /proc/<pid>/net/dev. Absent with the host's network.
  std::optional<std::uint64_t> network_rx_bytes{};
  std::optional<std::uint64_t> network_tx_bytes{};
  /// v1 blkio.throttle.io_service_bytes(_recursive); v2 io.stat rbytes, wbytes.
  std::optional<std::uint64_t> block_read_bytes{};
  std::optional<std::uint64_t> block_write_bytes{};
};

/// The shortest distance between two samples from which rates are computed.
inline constexpr Duration kMinimumRateInterval = std::chrono::milliseconds(100);

/// Changes per second between two samples.
struct StatsRates {
  std::optional<double> cpu_percent{};  ///< of one core: 200 is two cores busy
  std::optional<double> network_rx_bytes_per_second{};
  std::optional<double> network_tx_bytes_per_second{};
};

/// Rates from `earlier` to `later`. Empty when they are of different runs, less than
/// kMinimumRateInterval apart, or a counter went backwards.
std::optional<StatsRates> ratesBetween(const StatsSample& earlier, const StatsSample& later);

}  // namespace control

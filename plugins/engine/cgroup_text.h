#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/call.h>

/// Text of kernel files to values, without any I/O. Strict: what does not read as the kernel
/// writes it gives nothing, never 0 and never a part.
namespace control::engine {

/// A file that holds one decimal number; nothing for "max" and everything else.
std::optional<std::uint64_t> parseCount(std::string_view text) noexcept;

/// A cgroup v1 limit; nothing for the huge value that stands for "no limit".
std::optional<std::uint64_t> parseLimitV1(std::string_view text) noexcept;

/// The number of the line "key number" (cpu.stat, memory.stat, memory.events, memory.oom_control).
std::optional<std::uint64_t> parseKeyed(std::string_view text, std::string_view key) noexcept;

/// Counts of a smaller unit as a duration; nothing when it does not fit.
std::optional<Duration> nanoseconds(std::optional<std::uint64_t> count) noexcept;
std::optional<Duration> microseconds(std::optional<std::uint64_t> count) noexcept;

struct ByteCounters {
  std::uint64_t read = 0;     ///< received, or read from a device
  std::uint64_t written = 0;  ///< sent, or written to a device
  bool operator==(const ByteCounters&) const = default;
};

/// Sums over all interfaces of /proc/<pid>/net/dev but lo.
std::optional<ByteCounters> parseNetDev(std::string_view text) noexcept;

/// Sums over all devices of v2 io.stat; an empty file is no input and output at all.
std::optional<ByteCounters> parseIoStat(std::string_view text) noexcept;

/// Sums over all devices of v1 blkio.throttle.io_service_bytes(_recursive).
std::optional<ByteCounters> parseBlkio(std::string_view text) noexcept;

/// One line of /proc/<pid>/cgroup.
struct CgroupLine {
  bool unified = false;                         ///< the v2 hierarchy
  std::vector<std::string_view> controllers{};  ///< v1; none for v2
  std::string_view path{};                      ///< as the file has it, without " (deleted)"
};
std::vector<CgroupLine> parseProcCgroup(std::string_view text);

/// One cgroup file system of /proc/self/mountinfo.
struct CgroupMount {
  bool unified = false;
  std::vector<std::string> controllers{};  ///< v1: the super block's options
  std::string root{};                      ///< what part of the hierarchy is mounted; "/" for all
  std::string mount_point{};
};
std::vector<CgroupMount> parseCgroupMounts(std::string_view text);

/// `path` up to and with the component that names the container: "<id>", "docker-<id>.scope",
/// "libpod-<id>.scope" and the like. What process 1 or a runtime made below it ("/init",
/// "/container") is part of the container and cut off; a pod's component before it stays.
/// Nothing when no component names the container, or the path leaves the hierarchy ("..").
std::optional<std::string_view> cutAtContainer(std::string_view path,
                                               std::string_view container_id) noexcept;

}  // namespace control::engine

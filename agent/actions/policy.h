#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/result.h>
#include <libcontrol/runtime.h>
#include <libcontrol/supervisor.h>

namespace agent {

/// What the operator of this host allows a panel, whatever the panel asks for. An empty list, and a
/// figure that is absent, allows everything.
struct Policy {
  struct PortRange {
    int first = 0;
    int last = 0;
  };

  /// Image references with `*` for any characters: "ghcr.io/example/*". One without a tag allows
  /// every tag and digest. Images without a registry are Docker's: "docker.io/library/…";
  /// "*" alone allows every image.
  std::vector<std::string> images{};
  std::vector<PortRange> host_ports{};
  std::optional<std::int64_t> most_memory_bytes{};
  std::optional<std::int64_t> most_nano_cpus{};
  std::optional<std::int64_t> most_pids{};
  std::optional<std::size_t> most_servers{};
  std::vector<control::Signal> stop_signals{};
  /// Of the host's disks, never written to. Absent: 1 GiB or 5 %, whichever is less.
  std::optional<std::int64_t> disk_reserve_bytes{};
  enum class OnDiskExceeded { kEvent, kStop };
  /// What is done with a server that takes more than its limit, beside telling the panel.
  OnDiskExceeded on_disk_exceeded = OnDiskExceeded::kEvent;

  bool allowsImage(std::string_view image) const;
};

/// Reads `policy.json`, strictly. kInvalidArgument: the message names the key and what would be
/// right, or says that the file or its folder belongs to others, or is writable by them.
control::Result<Policy> readPolicyFile(const std::string& path);
/// The same from its text.
control::Result<Policy> parsePolicy(std::string_view text);

// All refuse as POLICY_VIOLATION, naming what is allowed. "No limit" becomes the policy's.

void requireAllowedImage(const Policy& policy, const std::string& image);
void requireAllowedSignal(const Policy& policy, const std::optional<control::Signal>& signal);
void applyPolicy(const Policy& policy, control::ContainerSpec& spec);
void applyPolicy(const Policy& policy, control::EntryUpdate& update);

}  // namespace agent

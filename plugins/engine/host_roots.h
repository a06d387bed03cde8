#pragma once

#include <string>

namespace control::engine {

/// Where the kernel's files about processes and control groups are read: the host's own, or
/// recorded trees in tests.
struct HostRoots {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

}  // namespace control::engine

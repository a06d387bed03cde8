#pragma once

#include <cstdint>
#include <vector>

#include <libcontrol/result.h>
#include <libcontrol/types.h>

namespace control::mock {

/// The host's ports.
class Ports {
 public:
  /// `wanted` with a free port for each host port that is 0. kPortConflict: one is in use.
  Result<std::vector<PortMapping>> bind(const std::vector<PortMapping>& wanted,
                                        std::vector<PortMapping> in_use);

 private:
  std::uint16_t last_ = 0;
};

}  // namespace control::mock

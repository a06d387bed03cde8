#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/faults.h"

namespace control::conform {

/// What an engine answers to a pull that goes wrong, as recorded: no registry is needed to see what
/// its plugin makes of it.
struct CannedPull {
  std::string request{};  ///< part of the request that is answered
  std::vector<std::string> answer{};
};

/// Nullopt: no answer of that engine was recorded.
std::optional<CannedPull> cannedPull(std::string_view engine, PullCase which);

}  // namespace control::conform

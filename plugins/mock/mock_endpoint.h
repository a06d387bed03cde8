#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/endpoint.h>

#include "mock/mock_profile.h"
#include "mock/mock_scenario.h"

namespace control::mock {

/// The keys of a mock URI's query, for the test that each has an effect.
inline constexpr std::array<std::string_view, 4> kQueryKeys{"clock", "name", "profile", "seed"};

/// Which engine an endpoint means.
struct Wanted {
  std::string name{};  ///< empty: an engine of its own
  std::string scenario_path{};
  std::shared_ptr<const Scenario> scenario{};
  std::string clock{};  ///< "real", "virtual", "auto", or empty
  std::optional<std::uint64_t> seed{};
  const Profile* profile = nullptr;
};

/// Reads the scenario file too, where there is one; the query is stronger than the file.
/// kInvalidArgument says what is wrong and what would be right.
Result<Wanted> readEndpoint(const Endpoint& endpoint);

}  // namespace control::mock

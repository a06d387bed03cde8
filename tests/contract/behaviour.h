#pragma once

#include <functional>
#include <string_view>
#include <variant>
#include <vector>

#include <libcontrol/types.h>

namespace control::conform {

/// MUST: an engine without it is none of ours. SHOULD: better with it, usable without.
enum class Level { kMust, kShould };

/// What it takes beside capabilities to see a behaviour.
enum class Means {
  kFault,       ///< the engine can be made to fail
  kPullable,    ///< an image that can be pulled (--pullable)
  kDescriptor,  ///< pollFd() of what the behaviour opens is one
};

/// The failure of a skip that is on no list.
inline constexpr std::string_view kSkipNotListed = "a skip that is not on the engine's list";

using Need = std::variant<Capability, Means>;
/// As --list shows it.
std::string_view wordOf(const Need& need);

/// One named behaviour of the contract, and what an engine has to be able to do to show it.
struct Behaviour {
  std::string_view group;
  std::string_view name;
  Level level;
  std::vector<Need> needs;
  std::function<void()> register_test;  ///< with GoogleTest; needs a working directory
};

/// All of them, in the order in which they run. Filled before main().
std::vector<Behaviour>& behaviours();

bool isBehaviour(std::string_view name);

}  // namespace control::conform

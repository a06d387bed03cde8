#include "contract/behaviour.h"

#include <algorithm>

namespace control::conform {

std::vector<Behaviour>& behaviours() {
  static std::vector<Behaviour> all;
  return all;
}

bool isBehaviour(std::string_view name) {
  const auto& all = behaviours();
  return std::any_of(all.begin(), all.end(),
                     [&](const Behaviour& one) { return one.name == name; });
}

}  // namespace control::conform

#include "contract/behaviour.h"

#include <algorithm>

namespace control::conform {

std::vector<Behaviour>& behaviours() {
  static std::vector<Behaviour> all;
  return all;
}

std::string_view wordOf(const Need& need) {
  if (const auto* capability = std::get_if<Capability>(&need)) return toString(*capability);
  switch (std::get<Means>(need)) {
    case Means::kFault:
      return "fault";
    case Means::kPullable:
      return "pullable";
    case Means::kDescriptor:
      return "descriptor";
  }
  return {};
}

bool isBehaviour(std::string_view name) {
  const auto& all = behaviours();
  return std::any_of(all.begin(), all.end(),
                     [&](const Behaviour& one) { return one.name == name; });
}

}  // namespace control::conform

#include <array>

#include "contract/mutants/mutant_runtime.h"
#include "contract/world.h"

namespace control::conform {

std::span<const PluginDescriptor* const> linkedPlugins() {
  static const std::array<const PluginDescriptor*, 1> kLinked{&mutantDescriptor()};
  return kLinked;
}

}  // namespace control::conform

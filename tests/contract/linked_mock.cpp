#include <array>

#include "contract/world.h"
#include "mock/mock_plugin.h"

namespace control::conform {

std::span<const PluginDescriptor* const> linkedPlugins() {
  static const std::array<const PluginDescriptor*, 1> kLinked{&mock::descriptor()};
  return kLinked;
}

}  // namespace control::conform

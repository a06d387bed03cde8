#include "contract/world.h"
#include "process_plugin.h"

namespace control::conform {

std::span<const PluginDescriptor* const> linkedPlugins() {
  static const PluginDescriptor* const kPlugins[] = {&process_engine::descriptor()};
  return kPlugins;
}

}  // namespace control::conform

#include "podman/podman_plugin.h"

CONTROL_PLUGIN_EXPORT const control::PluginDescriptor* control_plugin_descriptor() noexcept {
  return &control::podman::descriptor();
}

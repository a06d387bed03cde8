#include "podman/podman_plugin.h"

#include "podman/podman_endpoint.h"
#include "podman/podman_runtime.h"

namespace control::podman {
namespace {

Result<std::unique_ptr<ContainerRuntime>> create(const Endpoint& endpoint, const HostContext& host,
                                                 const CallContext& context) {
  auto address = addressOf(endpoint, host);
  if (!address) return address.error();
  auto runtime = std::make_unique<PodmanRuntime>(std::move(*address), host);
  if (auto connected = runtime->connect(context); !connected) return connected.error();
  return std::unique_ptr<ContainerRuntime>(std::move(runtime));
}

constexpr PluginDescriptor kDescriptor{.abi_version = CONTROL_PLUGIN_ABI_VERSION,
                                       .build_id = CONTROL_BUILD_ID,
                                       .name = "podman",
                                       .version = CONTROL_VERSION,
                                       .create = create};

}  // namespace

const PluginDescriptor& descriptor() noexcept { return kDescriptor; }

}  // namespace control::podman

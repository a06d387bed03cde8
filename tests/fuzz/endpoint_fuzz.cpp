#include <libcontrol/endpoint.h>

#include "docker/docker_endpoint.h"
#include "fuzz/fuzz_input.h"
#include "podman/podman_endpoint.h"

using namespace control;
using namespace control::fuzz;

/// URIs, and what DOCKER_HOST and CONTAINER_HOST may hold.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(textOf(data, size));
  HostContext host;
  host.environment = [&](std::string_view) { return text; };
  for (const auto& address : {docker::addressOf(*Endpoint::parse("docker:///"), host),
                              podman::addressOf(*Endpoint::parse("podman:///"), host)})
    require(address.has_value() || address.error().code == ErrorCode::kInvalidArgument);
  const auto endpoint = Endpoint::parse(text);
  if (!endpoint) {
    require(endpoint.error().code == ErrorCode::kInvalidArgument);
    require(!endpoint.error().message.empty());
    return 0;
  }
  const auto again = Endpoint::parse(endpoint->toString());
  require(again.has_value() && again->toString() == endpoint->toString());
  require(again->path == endpoint->path && again->query == endpoint->query);
  (void)docker::addressOf(*endpoint, {});
  (void)podman::addressOf(*endpoint, {});
  return 0;
}

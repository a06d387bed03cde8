#pragma once

#include <string>

#include "engines/docker_fixture.h"  // IWYU pragma: export (kTestImage)

namespace control::test {

/// URI of the rootful Podman service that tests use, which has the image kTestImage: as
/// dockerUri(), with CONTROL_TEST_PODMAN and CONTROL_TEST_PODMAN_FILE.
///
/// Podman serves some calls one after the other, removals above all, and a removal waits out the
/// container's stop timeout unless it was killed before: kill what a test leaves running, then
/// remove it.
/// Threads: any.
const std::string& podmanUri();

/// Path of podmanUri()'s Unix socket; throws when it is not a Unix socket.
std::string podmanSocket();

/// "/run/netns/NAME" of the service's network, where published ports are found; empty when that
/// is the network of the caller.
std::string podmanNetworkNamespace();

/// The same for a Podman service of an ordinary user: CONTROL_TEST_PODMAN_ROOTLESS(_FILE).
const std::string& podmanRootlessUri();
std::string podmanRootlessSocket();
std::string podmanRootlessNetworkNamespace();

}  // namespace control::test

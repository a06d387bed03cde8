#pragma once

#include <string>

namespace control::test {

/// URI of the Docker engine that tests use, which has the image kTestImage. In this order:
/// what CONTROL_TEST_DOCKER holds; the engine of this CTest run (the file that
/// CONTROL_TEST_DOCKER_FILE names); a private one, started by the first call and stopped when the
/// program ends.
/// Throws std::runtime_error with the engine's log when there is none and none can be started: the
/// test fails, it is not skipped. An engine named by CONTROL_TEST_DOCKER must have the image.
/// Threads: any.
const std::string& dockerUri();

/// Path of dockerUri()'s Unix socket; throws when it is not a Unix socket.
std::string dockerSocket();

/// "/run/netns/NAME" of the engine's network, where published ports are found; empty when that
/// is the network of the caller.
std::string dockerNetworkNamespace();

/// Static busybox with all applets, CMD /bin/sh.
inline constexpr const char* kTestImage = "control-test:latest";

}  // namespace control::test

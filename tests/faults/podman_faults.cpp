// A Podman service to break.

#include "engines/private_engine.h"
#include "faults/engine_faults.h"

namespace control::test {

const char* const kDaemon = "podman";

const EngineUnderTest& engineUnderTest() {
  static const PrivateEngine own({"podman", "CONTROL_TEST_PODMAN_OWN", "podman.sh", ""});
  static const EngineUnderTest podman{.name = "podman", .uri = own.uri(), .socket = own.socket()};
  return podman;
}

void EngineFaults::liveRestore(bool on) {
  ASSERT_TRUE(on) << "its containers have monitors of their own and live on";
}

}  // namespace control::test

// A dockerd to break, and what can happen to Docker's containers alone.

#include "engines/private_engine.h"
#include "faults/engine_faults.h"

namespace control::test {

const char* const kDaemon = "dockerd";

const EngineUnderTest& engineUnderTest() {
  static const PrivateEngine own({"docker", "CONTROL_TEST_DOCKER_OWN", "dockerd.sh", ""});
  static const EngineUnderTest docker{.name = "docker", .uri = own.uri(), .socket = own.socket()};
  return docker;
}

void EngineFaults::liveRestore(bool on) {
  std::ofstream(directory_ + "/daemon.json")
      << "{\"live-restore\": " << (on ? "true" : "false") << "}";
  daemon_.signal(SIGHUP);
  ASSERT_TRUE(eventually([&] {
    return rawRequest(engineUnderTest().socket, "GET", "/info")
               .json()
               ->getValue<bool>("LiveRestoreEnabled") == on;
  }));
}

namespace {

TEST_F(EngineFaults, EngineThatTakesItsServersAlongStartsThemAgain) {
  liveRestore(false);
  restartBy(SIGTERM);
  expectStartedAgain();
}

TEST_F(EngineFaults, EngineThatIsKilledAndDoesNotRestoreStartsThemAgain) {
  liveRestore(false);
  restartBy(SIGKILL);
  expectStartedAgain();
}

}  // namespace
}  // namespace control::test

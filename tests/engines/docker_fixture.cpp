#include "engines/docker_fixture.h"

#include "engines/private_engine.h"

namespace control::test {
namespace {

const PrivateEngine& dockerEngine() {
  static const PrivateEngine engine({"docker", "CONTROL_TEST_DOCKER", "dockerd.sh", ""});
  return engine;
}

}  // namespace

const std::string& dockerUri() { return dockerEngine().uri(); }
std::string dockerSocket() { return dockerEngine().socket(); }
std::string dockerNetworkNamespace() { return dockerEngine().networkNamespace(); }

}  // namespace control::test

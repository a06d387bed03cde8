#include "engines/docker_fixture.h"

#include "engines/private_engine.h"

namespace control::test {
namespace {

const PrivateEngine& engine() {
  static const PrivateEngine engine({"docker", "CONTROL_TEST_DOCKER", "dockerd.sh", ""});
  return engine;
}

}  // namespace

const std::string& dockerUri() { return engine().uri(); }
std::string dockerSocket() { return engine().socket(); }
std::string dockerNetworkNamespace() { return engine().networkNamespace(); }

}  // namespace control::test

#include "engines/podman_fixture.h"

#include "engines/private_engine.h"

namespace control::test {
namespace {

const PrivateEngine& podmanEngine() {
  static const PrivateEngine engine({"podman", "CONTROL_TEST_PODMAN", "podman.sh", ""});
  return engine;
}

const PrivateEngine& rootlessEngine() {
  static const PrivateEngine engine(
      {"podman", "CONTROL_TEST_PODMAN_ROOTLESS", "podman.sh", "--rootless"});
  return engine;
}

}  // namespace

const std::string& podmanUri() { return podmanEngine().uri(); }
std::string podmanSocket() { return podmanEngine().socket(); }
std::string podmanNetworkNamespace() { return podmanEngine().networkNamespace(); }

const std::string& podmanRootlessUri() { return rootlessEngine().uri(); }
std::string podmanRootlessSocket() { return rootlessEngine().socket(); }
std::string podmanRootlessNetworkNamespace() { return rootlessEngine().networkNamespace(); }

}  // namespace control::test

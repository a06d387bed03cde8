#include "real_engines/host_truth.h"

namespace control::test {

ContainerRuntime& engine() {
  static const std::shared_ptr<ContainerRuntime> runtime = must(openEngine(engineUnderTest().uri));
  return *runtime;
}

}  // namespace control::test

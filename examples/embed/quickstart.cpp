#include <libcontrol/loader.h>
#include <iostream>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  const std::string uri = argc > 1 ? argv[1] : "docker:///";
  const std::string image = argc > 2 ? argv[2] : "busybox:latest";
  auto runtime = control::loadRuntime(uri);
  if (!runtime) return std::cerr << runtime.error().message << '\n', 1;
  control::ContainerRuntime& engine = **runtime;

  auto web = engine.run({.name = "quickstart", .image = image, .command = {"sleep", "60"}}, {});
  if (!web) return std::cerr << web.error().message << '\n', 1;

  auto stop = engine.stop(web->id, {.signal = control::Signal::interrupt(), .timeout = 500ms},
                          control::CallContext::within(10s));
  std::cout << (stop ? control::toString(stop->outcome) : stop.error().message) << '\n';
  return engine.remove(web->id, {.force = true}, {}) ? 0 : 1;
}

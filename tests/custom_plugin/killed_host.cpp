// A program that starts a container and is killed.
#include <unistd.h>

#include <csignal>

#include <libcontrol/loader.h>

#include "process_plugin.h"

int main(int, char** arguments) {
  using namespace control;
  const PluginDescriptor* const linked[] = {&process_engine::descriptor()};
  const auto runtime =
      loadRuntime(std::string("process://") + arguments[1], {.linked_plugins = linked});
  if (!runtime) return 1;
  ContainerSpec spec;
  spec.name = "survivor";
  spec.image = "host";
  spec.command = {"/bin/sh", "-c",
                  "trap 'echo still here; exit 4' TERM; echo ready; while :; do sleep 0.05; done"};
  const auto running = (*runtime)->run(spec, {});
  if (!running) return 2;
  ::kill(::getpid(), SIGKILL);
}

// mock_bench [cycles]: how many starts and stops with a timeout of 30 s, each of which escalates to
// SIGKILL, the mock engine lives through in a second on a virtual clock.

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <libcontrol/loader.h>
#include <libcontrol/testing/mock_control.h>

#include "mock/mock_plugin.h"

namespace {

using namespace control;
using namespace std::chrono_literals;

int fail(const char* what, const Error& error) {
  std::fprintf(stderr, "%s: %s\n", what, error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const long cycles = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 100000;
  const PluginDescriptor* const linked[] = {&mock::descriptor()};
  const auto opened = loadRuntime("mock:///bench?clock=auto", {.linked_plugins = linked});
  if (!opened) return fail("open", opened.error());
  ContainerRuntime& runtime = **opened;
  const auto created =
      runtime.create({.image = "a", .labels = {{"mock.ignore_signals", "TERM"}}}, {});
  if (!created) return fail("create", created.error());

  const TimePoint virtually = runtime.clock().now();
  const auto really = std::chrono::steady_clock::now();
  for (long i = 0; i < cycles; ++i) {
    if (const auto started = runtime.start(created->id, {}); !started)
      return fail("start", started.error());
    const auto stopped = runtime.stop(created->id, {.timeout = 30s}, {});
    if (!stopped) return fail("stop", stopped.error());
    if (stopped->outcome != StopOutcome::kKilled) return fail("stop", {.message = "not killed"});
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - really;
  const std::chrono::duration<double, std::ratio<86400>> days = runtime.clock().now() - virtually;
  std::printf("%ld cycles: %.3f s, %.2f us each; %.1f days on the virtual clock\n", cycles,
              took.count(), took.count() * 1e6 / static_cast<double>(cycles), days.count());
  return 0;
}

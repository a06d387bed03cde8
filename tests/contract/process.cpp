// What a plugin leaves alone in its host's process. Signals, the environment, printed words and the
// like are looked at after each behaviour.

#include "contract/conformance.h"

namespace control::conform {
namespace {

MUST(Process, extension_of_unknown_name_is_null) {
  EXPECT_EQ(runtime().extension(kNoExtension), nullptr)
      << "whoever asks for an interface by its name would take this for it";
  EXPECT_EQ(runtime().extension(""), nullptr);
}

MUST(Process, open_descriptors_are_close_on_exec) {
  ContainerSpec spec = obedient();
  spec.open_stdin = has(Capability::kAttach);
  const ContainerId id = runReady(spec);
  const auto armed = watch(id);
  // All that can be open at a time, and looked at while it is.
  std::vector<std::unique_ptr<Stream<Output>>> open;
  const auto keep = [&](auto made) {
    EXPECT_OK(made);
    if (made) open.push_back(std::move(*made));
  };
  if (has(Capability::kLogs)) keep(runtime().logs(id, {.follow = true}, soon()));
  if (has(Capability::kAttach)) keep(runtime().attach(id, {}, soon()));
  if (has(Capability::kExec))
    keep(runtime().exec(id, {.command = {"/bin/sh", "-c", "sleep 600"}}, soon()));
  std::unique_ptr<EventStream> events;
  if (has(Capability::kEvents)) {
    auto made = runtime().events({.labels = mine()}, soon());
    ASSERT_OK(made);
    events = std::move(*made);
  }
  expectNothingInheritable();
}

}  // namespace
}  // namespace control::conform

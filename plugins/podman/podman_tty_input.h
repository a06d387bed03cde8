#pragma once

#include <memory>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "podman/podman_engine.h"

namespace control::podman {

/// A console that only writes to a container's terminal. Podman ends an attachment to a terminal at
/// once that does not take its output, and output that is attached and not read stops the
/// container. So there is a connection for each write only; the terminal outlives it.
Result<std::unique_ptr<Console>> makeTtyInput(Api& api, PodmanEngine& engine, const PodmanRun& run,
                                              const CallContext& context);

}  // namespace control::podman

#pragma once

#include <memory>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "engine/host_roots.h"
#include "engine/run_source.h"
#include "engine/start_notices.h"

namespace control::engine {

/// Arms a watch: ContainerRuntime::watchExit. On the container's own host the kernel tells first;
/// the engine's word is awaited for the rest.
Result<std::unique_ptr<ExitWatch>> watchExit(RunSource& engine, StartNotices& notices,
                                             const ContainerId& id, const HostRoots& roots,
                                             const CallContext& context);

}  // namespace control::engine

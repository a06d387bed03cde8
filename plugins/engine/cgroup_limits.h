#pragma once

#include <string_view>

#include <libcontrol/result.h>
#include <libcontrol/types.h>

#include "engine/host_roots.h"

namespace control::engine {

/// The limits that hold for a running container now, from its cgroups (v1 and v2): memory, memory
/// and swap, CPU time and processes; the weight of I/O is left out. A limit there is none of is
/// absent, except that memory with unlimited swap shows as -1.
/// kNotFound: no such process, or it is not in this container's cgroup. kUnsupported: the host's
/// cgroups are not visible from here.
Result<ResourceLimits> readCgroupLimits(int pid, std::string_view container_id,
                                        const HostRoots& roots = {});

}  // namespace control::engine

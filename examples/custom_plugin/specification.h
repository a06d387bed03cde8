#pragma once

#include <libcontrol/result.h>
#include <libcontrol/streams.h>
#include <libcontrol/types.h>

namespace process_engine {

/// The one image there is: the host's own files.
inline constexpr const char* kImage = "host";

/// Refuses whatever a plain process cannot have, naming the field: nothing is left out in silence.
control::Result<void> checkSpec(const control::ContainerSpec& spec);
control::Result<void> checkExec(const control::ExecSpec& spec);
control::Error imageNotFound(const std::string& reference);

}  // namespace process_engine

#pragma once

#include <optional>
#include <string>

#include <libcontrol/supervisor.h>

#include "agent/panel/refusal.h"

namespace agent {

/// Where an engine's error came up.
enum class ErrorPlace {
  kRequest,    ///< the supervisor refused an operation
  kOperation,  ///< an accepted operation failed
  kPull,       ///< while an image was being pulled
};

/// The protocol's code for an engine's error.
std::string protocolCode(const control::Error& error, ErrorPlace place);

/// The directories of the host that no message may name.
struct HostPaths {
  std::string data_dir;
  std::string state_dir;
  std::string container_data_path;
};

/// `message` without paths of the host: the server's own directory is named as the container sees
/// it, others become "<path>".
std::string withoutHostPaths(std::string message, const std::string& server_id,
                             const HostPaths& paths);

/// What a panel is told when the supervisor refused an operation on `server_id`.
Refusal requestRefusal(const control::Error& error, const std::string& server_id,
                       const HostPaths& paths);

}  // namespace agent

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <libcontrol/result.h>

namespace agent {

/// The directories of servers on the host, `<root>/<serverId>`, reached by descriptors alone: no
/// symbolic link is ever followed below the root. Server ids must be valid (isServerId).
///
/// Threads:  any. Blocking: as long as the file system does.
/// Errors:   messages name no host path.
class ServerFiles {
 public:
  explicit ServerFiles(std::string root) : root_(std::move(root)) {}

  /// The server's directory as a host path, for the engine.
  std::string pathOf(const std::string& server_id) const { return root_ + '/' + server_id; }

  /// Makes the directory unless it is there. kPermissionDenied, kResourceExhausted.
  control::Result<void> create(const std::string& server_id) const;
  /// Removes the directory and all in it; one that is not there is fine.
  control::Result<void> remove(const std::string& server_id) const;
  /// Bytes taken on disk by the server's files; absent when they could not all be counted.
  std::optional<std::int64_t> usedBytes(const std::string& server_id) const;

 private:
  std::string root_;
};

/// The servers whose start is refused until they are unsuspended: one empty file each below the
/// state directory, so that it survives the agent.
class SuspendedServers {
 public:
  explicit SuspendedServers(const std::string& state_dir) : directory_(state_dir + "/suspended") {}

  bool contains(const std::string& server_id) const;
  control::Result<void> add(const std::string& server_id) const;
  void remove(const std::string& server_id) const;

 private:
  std::string directory_;
};

}  // namespace agent

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <libcontrol/result.h>

#include "agent/descriptor.h"
#include "agent/disk/disk_quota.h"

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

  /// Makes the directory unless it is there, limited to `disk_bytes` where the file system can; 0:
  /// not limited. kPermissionDenied, kResourceExhausted.
  control::Result<void> create(const std::string& server_id, std::int64_t disk_bytes = 0) const;
  /// Removes the directory and all in it; one that is not there is fine.
  control::Result<void> remove(const std::string& server_id) const;
  /// The directory; nothing and errno.
  Descriptor open(const std::string& server_id) const noexcept;
  /// What the file system offers, looked at once, when the directory of all is there.
  const DiskQuota& quota() const;

 private:
  std::string root_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<DiskQuota> quota_;
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

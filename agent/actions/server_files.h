#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <vector>

#include <libcontrol/result.h>

#include "agent/descriptor.h"
#include "agent/disk/disk_quota.h"
#include "agent/files/patience.h"

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
  /// Removes the directory and all in it; one that is not there is fine. kCancelled: a part of it
  /// is still there.
  control::Result<void> remove(const std::string& server_id,
                               const files::Patience& patience = {}) const;
  /// The directory; nothing and errno.
  Descriptor open(const std::string& server_id) const noexcept;
  /// What the file system offers, looked at once, when the directory of all is there.
  const DiskQuota& quota() const;

 private:
  std::string root_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<DiskQuota> quota_;
};

/// Marks on servers that survive the agent: an empty file each in a directory of their own.
class ServerMarks {
 public:
  explicit ServerMarks(std::string directory) : directory_(std::move(directory)) {}

  std::vector<std::string> all() const;
  bool contains(const std::string& server_id) const;
  control::Result<void> add(const std::string& server_id) const;
  void remove(const std::string& server_id) const;

 private:
  std::string directory_;
};

}  // namespace agent

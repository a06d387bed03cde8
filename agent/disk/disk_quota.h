#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace agent {

/// How the file system below DATA_DIR holds a server's directory to a number of bytes. No process
/// is started for any of it.
///
/// Threads:  any. Blocking: as long as the file system does.
/// Errors:   numbers as in <errno.h>, 0 for none; ENOTSUP: as for any directory.
class DiskQuota {
 public:
  virtual ~DiskQuota() = default;

  /// Makes the directory `name`, for the agent's user alone, such that it can be limited.
  virtual int make(int parent, const char* name) const = 0;
  /// Removes it with all in it at one go. ENOTSUP: it is to be emptied and removed.
  virtual int remove(int parent, const char* name) const = 0;
  /// From now on it takes at most `bytes`; 0: as many as there are. ENOTSUP: it was made otherwise.
  virtual int limit(int directory, std::int64_t bytes) const = 0;
  /// What the file system has counted; absent when it does not count this one.
  virtual std::optional<std::int64_t> used(int directory) const = 0;
};

struct ChosenQuota {
  std::unique_ptr<DiskQuota> quota;
  std::string reason;  ///< for the log: what enforces limits, or why nothing does
};

/// What the file system of the directory offers, which is open.
ChosenQuota chooseDiskQuota(int data_dir);

/// Where the file system offers nothing: plain directories without limits.
std::unique_ptr<DiskQuota> noDiskQuota();

}  // namespace agent

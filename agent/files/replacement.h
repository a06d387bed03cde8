#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "agent/descriptor.h"
#include "agent/disk/disk_quota.h"
#include "agent/files/patience.h"

namespace agent::files {

/// Where the directories of servers are, and how one is made.
struct RestoreTo {
  const std::string& data_dir;
  const DiskQuota& quota;
  std::int64_t limit_bytes = 0;  ///< of the server; 0: none
  /// Given the name, in the data folder, of what was there before or was not finished; for
  /// removeReplaced(), which may take long. What it does not do, the next agent does.
  std::function<void(const std::string& name)> replaced;
};

void removeReplaced(const std::string& data_dir, const DiskQuota& quota, const std::string& name,
                    const Patience& patience);
/// Removes what agents before this one had begun and not finished.
void removeUnfinishedRestores(int data_dir, const DiskQuota& quota, const std::string& server_id,
                              const Patience& patience);

/// A directory that takes the place of a server's, beside it until then.
///
/// Errors: Refusal; messages name no host path.
class Replacement {
 public:
  /// `to` must live on.
  Replacement(const RestoreTo& to, const std::string& server_id, const Patience& patience);
  /// Leaves whatever is in it now to `to.replaced`: what was made, or what was there before.
  ~Replacement();
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  int fd() const { return made_.get(); }
  /// What may be written to it where the file system does not see to that.
  std::int64_t most() const { return most_; }

  /// In one step; owner and permissions of the directory stay. PATH_FORBIDDEN: something is mounted
  /// in the server's.
  void exchange();

 private:
  void refuseMounts() const;

  const RestoreTo& to_;
  const std::string server_id_;
  Descriptor all_;
  std::string name_;
  Descriptor made_;
  std::int64_t most_ = INT64_MAX;
};

}  // namespace agent::files

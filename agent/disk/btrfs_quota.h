#pragma once

#include "agent/disk/disk_quota.h"

namespace agent {

/// A subvolume for each server, with a qgroup of its own that limits what it refers to. Needs
/// quotas that are turned on (`btrfs quota enable`) and CAP_SYS_ADMIN.
///
/// Directories that were made as such are left as they are, and not limited. A subvolume that a
/// server makes in its own counts for it, but is beyond the limit that the file system enforces.
/// Figures are those of the last transaction, which is up to 30 s old.
ChosenQuota chooseBtrfsQuota(int data_dir);

}  // namespace agent

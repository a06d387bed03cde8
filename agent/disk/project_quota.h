#pragma once

#include "agent/disk/disk_quota.h"

namespace agent {

/// A project of its own for each server's directory, on ext4 and XFS, with a hard limit of blocks.
/// Needs a file system that enforces project quotas (mount option prjquota), CAP_SYS_ADMIN, and
/// Linux 5.14 (quotactl_fd).
///
/// Which project is a directory's stands in its inode and is inherited by what is made in it.
/// Directories that were made as such are left as they are, and not limited.
ChosenQuota chooseProjectQuota(int data_dir);

namespace project {

/// The projects that are ours: others on the host have theirs.
constexpr std::uint32_t kFirst = 1'600'000'000;
constexpr std::uint32_t kLast = 1'699'999'999;

/// Of a directory that hands it on to what is made in it; 0: it is none of ours.
std::uint32_t of(int directory);
/// Makes it so. 0, or the error.
int assign(int directory, std::uint32_t id);
/// One that no directory in `parent` has; 0: there is none left.
std::uint32_t unused(int parent);

}  // namespace project
}  // namespace agent

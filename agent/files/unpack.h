#pragma once

#include <functional>
#include <string>

#include "agent/files/archive.h"

namespace agent::files {

/// Gives what was unpacked its owner and permissions.
using Dress = std::function<void(int fd, const ArchiveEntry& entry)>;

/// DISK_FULL: what is unpacked takes more than `most` bytes, ArchiveLimits::taken.
[[noreturn]] void refuseTaken(const std::string& shown, std::int64_t most);

enum class UnpackLinks { kSkip, kMake };

/// Unpacks an archive into the empty directory `to`. Every name is looked up below it, through no
/// link; files are made, never opened. Symbolic links are made with kMake, which is for archives of
/// our own. Limits as in ArchiveWork.
Archived unpack(int archive, const std::string& shown, int to, const ArchiveWork& work,
                const Dress& dress, UnpackLinks links = UnpackLinks::kSkip);

}  // namespace agent::files

#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/descriptor.h"

// The only place where names become descriptors. Every name is looked up by openat2 below a
// descriptor, through no magic link and across no mount; there is no other way when the kernel has
// none.

namespace agent::files {

enum class Links { kBeneath, kNone };

/// Whether the kernel (5.6 and newer) offers openat2 and no filter takes it away.
bool canOpenBeneath() noexcept;
/// Refusal PERMISSION_DENIED when it does not.
void requireOpenBeneath();

/// Opens `path` below `directory`; the last part is never followed when it is a symbolic link, and
/// other links only where they stay below (kBeneath) or not at all (kNone).
/// Nothing and errno: ELOOP or EXDEV when it would have led outside.
Descriptor openBeneath(int directory, const char* path, int flags, Links links = Links::kBeneath,
                       mode_t mode = 0) noexcept;

/// A directory by one of its parent's names.
Descriptor openDirectoryIn(int directory, const char* name) noexcept;
/// A directory further down by its path, which may be longer than the kernel takes at once; no link
/// is followed.
Descriptor openFarBelow(int top, std::string_view path);
/// The same directory once more, with a position of its own for reading names.
Descriptor openAgain(int directory) noexcept;
/// A server's directory by its id, below the directory of all; it may be a mount point.
Descriptor openServerDirectory(const std::string& data_dir, const std::string& server_id) noexcept;
/// A directory of the agent's own, by its path on the host.
Descriptor openOwnDirectory(const std::string& path) noexcept;

/// Makes the regular file `name`, which must not exist, open for reading and writing. Nothing and
/// errno.
Descriptor createFileIn(int directory, const char* name, mode_t mode) noexcept;

struct stat statusOf(int fd);
bool isRegular(const struct stat& status) noexcept;
bool isDirectory(const struct stat& status) noexcept;
/// What a file with so many bytes of content takes on the disk, at least: what was set aside for it
/// ahead of time does not count.
std::int64_t takenBy(const struct stat& status, std::int64_t content) noexcept;

/// What a panel is told of a failed call on the file that it knows as `shown`.
[[noreturn]] void refuseErrno(int error, const std::string& shown);

}  // namespace agent::files

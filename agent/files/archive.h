#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/files/archive_stream.h"
#include "agent/files/change.h"
#include "agent/files/server_root.h"
#include "agent/files/tree.h"

namespace agent::files {

/// What an archive may hold before it is refused as FILE_TOO_LARGE.
struct ArchiveLimits {
  std::int64_t entries = 100'000;
  std::size_t depth = 64;
  std::int64_t bytes = std::int64_t{64} << 30;  ///< of content, counted as it comes out
  std::int64_t holes = INT64_MAX;               ///< in the files that are archived
  std::int64_t taken = INT64_MAX;               ///< on the disk, by what is unpacked: DISK_FULL
  /// Content to archive, beyond `ratio_from`; 0: any. Ordinary content gets far beyond it (logs ten
  /// thousand to one), but not so much of it; what holes it keeps as holes do not count.
  std::int64_t ratio = 200;
  std::int64_t ratio_from = std::int64_t{1} << 30;

  bool allowRatio(std::int64_t content, std::int64_t archive) const {
    return ratio == 0 || content <= ratio_from || (content - ratio_from) / ratio <= archive;
  }
};

struct ArchiveProgress {
  std::int64_t entries = 0;
  std::int64_t bytes = 0;     ///< of content
  std::int64_t consumed = 0;  ///< of the archive's bytes, when one is read
  std::int64_t size = 0;      ///< of the archive, when one is read
};

struct ArchiveWork {
  ArchiveLimits limits{};
  Patience patience{};
  std::function<void(const ArchiveProgress&)> progress = [](const ArchiveProgress&) {};
};

struct Archived {
  std::int64_t entries = 0;
  std::int64_t bytes = 0;    ///< of content
  std::int64_t size = 0;     ///< of the archive
  std::int64_t skipped = 0;  ///< links, devices, what was moved away meanwhile
  std::int64_t taken = 0;    ///< on the disk by the files' content, at least
};

/// Archives `paths`, named relative to `directory`, which they are in. What is there already is
/// replaced when the archive is whole.
Archived createArchive(const ServerRoot& root, const CheckedPath& directory,
                       const std::vector<CheckedPath>& paths, const CheckedPath& to,
                       ArchiveFormat format, const PutOptions& options, const ArchiveWork& work);

/// Unpacks an archive into a directory, which is made when it is not there. All of it is unpacked
/// aside first; then it takes the place of files of the same names. Links, devices and hard links
/// are skipped. PATH_FORBIDDEN: a name that leads elsewhere.
Archived extractArchive(const ServerRoot& root, const CheckedPath& from,
                        const CheckedPath& directory, const PutOptions& options,
                        const ArchiveWork& work);

}  // namespace agent::files

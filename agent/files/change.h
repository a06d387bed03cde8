#pragma once

#include <cstdint>
#include <string>

#include "agent/files/copy_bytes.h"
#include "agent/files/patience.h"
#include "agent/files/server_root.h"

namespace agent::files {

/// How a file is put where another may be.
struct PutOptions {
  bool overwrite = true;
  bool make_directories = true;
};

/// Where it goes, when all is ready.
Place placeFor(const ServerRoot& root, const CheckedPath& path, const PutOptions& options);
/// What the end would refuse is refused before the work.
void checkTarget(const ServerRoot& root, const CheckedPath& path, const PutOptions& options,
                 bool directory);

/// Replaces or makes the file, wholly or not at all.
void writeFile(const ServerRoot& root, const CheckedPath& path, const std::string& bytes,
               const PutOptions& options);

/// Makes it and those above it. False: it was there. FILE_EXISTS: as something else.
bool makeDirectory(const ServerRoot& root, const CheckedPath& path);

/// A directory with all in it when `recursive`, else only when it is empty. Links themselves.
/// INVALID_STATE: somebody fills it meanwhile.
void remove(const ServerRoot& root, const CheckedPath& path, bool recursive,
            const Patience& patience);

/// `to` is the whole new path. FILE_EXISTS: something is there, and is not to be or cannot be
/// replaced (a directory that is not empty).
void move(const ServerRoot& root, const CheckedPath& from, const CheckedPath& to,
          const PutOptions& options);

struct Copied {
  std::int64_t files = 0;
  std::int64_t directories = 0;
  std::int64_t bytes = 0;
  std::int64_t skipped = 0;  ///< links, devices, what was moved away meanwhile
};

/// A file, or a directory with all in it (PutOptions::overwrite is then of no use). What is copied
/// appears when it is whole. DISK_FULL: it would take more than there is room for.
Copied copy(const ServerRoot& root, const CheckedPath& from, const CheckedPath& to,
            const PutOptions& options, const CopyWork& work);

/// `permissions` beyond 0777 are dropped. Returns what is in force.
mode_t setPermissions(const ServerRoot& root, const CheckedPath& path, mode_t permissions);

}  // namespace agent::files

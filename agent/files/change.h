#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

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

struct CopyWork {
  Patience patience{};
  std::int64_t room = INT64_MAX;  ///< what it may take on the disk
  /// Told before so many bytes are written; may refuse.
  std::function<void(std::int64_t bytes)> before_writing = [](std::int64_t) {};
};

/// A file, or a directory with all in it (PutOptions::overwrite is then of no use). What is copied
/// appears when it is whole. DISK_FULL: it would take more than there is room for.
Copied copy(const ServerRoot& root, const CheckedPath& from, const CheckedPath& to,
            const PutOptions& options, const CopyWork& work);

/// `permissions` beyond 0777 are dropped. Returns what is in force.
mode_t setPermissions(const ServerRoot& root, const CheckedPath& path, mode_t permissions);

/// One piece of an upload: bytes at an offset of a hidden file, which the last piece puts in its
/// place. The hidden file outlives the agent and is forgotten after a day without a new piece.
struct UploadPiece {
  std::optional<std::string> bytes{};  ///< absent: only asks how far it is
  std::int64_t offset = 0;             ///< what lies beyond it is written anew
  bool last = false;
  std::optional<std::string> sha256{};  ///< of the whole, looked at with the last piece
  PutOptions put{};
};

/// Bytes that are there now; with the last piece, the file's size. INVALID_STATE: the offset lies
/// beyond what has arrived. INVALID_PAYLOAD: the checksum is another; the upload starts over.
std::int64_t upload(const ServerRoot& root, const CheckedPath& path, const UploadPiece& piece,
                    const Patience& patience);

}  // namespace agent::files

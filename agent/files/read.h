#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "agent/files/patience.h"
#include "agent/files/server_root.h"

namespace agent::files {

/// Content that one message carries.
inline constexpr std::int64_t kMostContent = 512 * 1024;
/// What an entry takes in an answer beside its name.
inline constexpr std::size_t kPerEntry = 160;

enum class EntryType { kFile, kDirectory, kSymlink, kOther };
const char* toString(EntryType type);

struct EntryInfo {
  std::string name{};
  EntryType type = EntryType::kOther;
  std::int64_t size = 0;
  mode_t permissions = 0;
  std::int64_t modified_ns = 0;  ///< since 1970
  uid_t user = 0;
  gid_t group = 0;
  std::int64_t links = 0;
};

/// Since 1970, within what 64 bits hold.
std::int64_t nanoseconds(const timespec& time);
EntryInfo describe(std::string name, const struct stat& status);
EntryInfo info(const ServerRoot& root, const CheckedPath& path);
/// What a symbolic link holds; absent when it is none.
std::optional<std::string> linkTarget(const ServerRoot& root, const CheckedPath& path);

struct Piece {
  std::string bytes{};
  std::int64_t offset = 0;
  std::int64_t size = 0;  ///< of the file
  std::int64_t modified_ns = 0;
  std::string version{};  ///< changes when the file does
  bool atEnd() const { return offset + static_cast<std::int64_t>(bytes.size()) >= size; }
};

/// The bytes from `offset`, at most `length` and kMostContent. INVALID_STATE: `version` is given
/// and the file is another by now.
Piece read(const ServerRoot& root, const CheckedPath& path, std::int64_t offset,
           std::int64_t length, const std::optional<std::string>& version = {});
/// The same of a file that is open; `shown` names it.
Piece readPiece(int fd, const std::string& shown, std::int64_t offset, std::int64_t length,
                const std::optional<std::string>& version = {});
/// A file whole. FILE_TOO_LARGE: it is larger than kMostContent.
Piece readWhole(const ServerRoot& root, const CheckedPath& path);

/// Hexadecimal. Reads the file from its beginning.
std::string sha256(int fd, const std::string& shown, const Patience& patience);
std::string sha256(const ServerRoot& root, const CheckedPath& path, const Patience& patience);

}  // namespace agent::files

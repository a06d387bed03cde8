#include "agent/files/read.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "agent/files/digest.h"
#include "agent/panel/refusal.h"

namespace agent::files {
namespace {

std::string versionOf(const struct stat& status) {
  return std::to_string(status.st_ino) + '-' + std::to_string(status.st_size) + '-' +
         std::to_string(nanoseconds(status.st_mtim)) + '-' +
         std::to_string(nanoseconds(status.st_ctim));
}

}  // namespace

const char* toString(EntryType type) {
  switch (type) {
    case EntryType::kFile:
      return "file";
    case EntryType::kDirectory:
      return "directory";
    case EntryType::kSymlink:
      return "symlink";
    case EntryType::kOther:
      break;
  }
  return "other";
}

std::int64_t nanoseconds(const timespec& time) {
  constexpr std::int64_t kMost = INT64_MAX / 1'000'000'000 - 1;  // what a file says can be anything
  const auto seconds = std::clamp<std::int64_t>(time.tv_sec, -kMost, kMost);
  return seconds * 1'000'000'000 + time.tv_nsec;
}

EntryInfo describe(std::string name, const struct stat& status) {
  EntryInfo entry{.name = std::move(name)};
  if (isRegular(status)) entry.type = EntryType::kFile;
  if (isDirectory(status)) entry.type = EntryType::kDirectory;
  if (S_ISLNK(status.st_mode)) entry.type = EntryType::kSymlink;
  entry.size = entry.type == EntryType::kFile ? status.st_size : 0;
  entry.permissions = status.st_mode & 07777;
  entry.modified_ns = nanoseconds(status.st_mtim);
  entry.user = status.st_uid;
  entry.group = status.st_gid;
  entry.links = static_cast<std::int64_t>(status.st_nlink);
  return entry;
}

EntryInfo info(const ServerRoot& root, const CheckedPath& path) {
  return describe(path.name(), root.status(path));
}

std::optional<std::string> linkTarget(const ServerRoot& root, const CheckedPath& path) {
  if (path.isRoot()) return std::nullopt;
  const Place place = root.place(path);
  std::array<char, CheckedPath::kLongest> target{};
  const ssize_t size =
      ::readlinkat(place.directory.get(), place.name.c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(size));
}

Piece read(const ServerRoot& root, const CheckedPath& path, std::int64_t offset,
           std::int64_t length, const std::optional<std::string>& version) {
  return readPiece(root.file(path).get(), path.shown(), offset, length, version);
}

Piece readPiece(int fd, const std::string& shown, std::int64_t offset, std::int64_t length,
                const std::optional<std::string>& version) {
  const struct stat status = statusOf(fd);
  Piece piece{.offset = offset,
              .size = status.st_size,
              .modified_ns = nanoseconds(status.st_mtim),
              .version = versionOf(status)};
  if (version && *version != piece.version)
    throw Refusal("INVALID_STATE", '\'' + shown + "' has changed since; begin again at offset 0");
  const std::int64_t left = std::max<std::int64_t>(0, status.st_size - offset);
  piece.bytes.resize(static_cast<std::size_t>(std::min({length, kMostContent, left})));
  std::size_t filled = 0;
  while (filled < piece.bytes.size()) {
    const ssize_t got = ::pread(fd, piece.bytes.data() + filled, piece.bytes.size() - filled,
                                offset + static_cast<std::int64_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuseErrno(errno, shown);
    if (got == 0) break;  // it was cut meanwhile
    filled += static_cast<std::size_t>(got);
  }
  piece.bytes.resize(filled);
  return piece;
}

Piece readWhole(const ServerRoot& root, const CheckedPath& path) {
  Piece piece = read(root, path, 0, kMostContent);
  if (piece.size > kMostContent)
    throw Refusal("FILE_TOO_LARGE", '\'' + path.shown() + "' has " + std::to_string(piece.size) +
                                        " bytes, more than the " + std::to_string(kMostContent) +
                                        " of one message; read it in pieces by offset and length");
  return piece;
}

std::string sha256(int fd, const std::string& shown, const Patience& patience) {
  Sha256 digest;
  std::vector<char> buffer(256 * 1024);
  std::int64_t offset = 0;
  for (;;) {
    patience.check();
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuseErrno(errno, shown);
    if (got == 0) return digest.finish();
    digest.add(buffer.data(), static_cast<std::size_t>(got));
    offset += got;
  }
}

std::string sha256(const ServerRoot& root, const CheckedPath& path, const Patience& patience) {
  return sha256(root.file(path).get(), path.shown(), patience);
}

}  // namespace agent::files

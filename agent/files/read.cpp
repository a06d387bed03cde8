#include "agent/files/read.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/files/digest.h"
#include "agent/files/tree.h"
#include "agent/panel/json_plain.h"
#include "agent/panel/refusal.h"

namespace agent::files {
namespace {

std::int64_t nanoseconds(const timespec& time) {
  constexpr std::int64_t kMost = INT64_MAX / 1'000'000'000 - 1;  // what a file says can be anything
  const auto seconds = std::clamp<std::int64_t>(time.tv_sec, -kMost, kMost);
  return seconds * 1'000'000'000 + time.tv_nsec;
}

std::string versionOf(const struct stat& status) {
  return std::to_string(status.st_ino) + '-' + std::to_string(status.st_size) + '-' +
         std::to_string(nanoseconds(status.st_mtim)) + '-' +
         std::to_string(nanoseconds(status.st_ctim));
}

/// All names of a directory in one piece of memory.
class Names {
 public:
  void add(const char* name) {
    starts_.push_back(static_cast<std::uint32_t>(text_.size()));
    text_.append(name);
    text_ += '\0';
  }
  std::size_t size() const { return starts_.size(); }
  std::size_t bytes() const { return text_.size(); }
  const char* operator[](std::size_t i) const { return text_.data() + starts_[i]; }

  /// Puts those from `begin` to `end` where they belong in byte order.
  void sort(std::size_t begin, std::size_t end) {
    const auto before = [this](std::uint32_t a, std::uint32_t b) {
      return std::strcmp(text_.data() + a, text_.data() + b) < 0;
    };
    const auto at = [this](std::size_t i) {
      return starts_.begin() + static_cast<std::ptrdiff_t>(i);
    };
    if (begin > 0) std::nth_element(at(0), at(begin), starts_.end(), before);
    std::partial_sort(at(begin), at(end), starts_.end(), before);
  }

 private:
  std::string text_;
  std::vector<std::uint32_t> starts_;
};

Names namesOf(int directory, bool is_root, const std::string& shown, const Patience& patience) {
  Names names;
  const int error = forEachName(directory, [&](const char* name) {
    if (is_root && name == kStagingName) return true;
    if (names.bytes() >= kMostNameBytes)
      throw Refusal("FILE_TOO_LARGE", '\'' + shown + "' holds more names than can be listed: " +
                                          std::to_string(names.size()) + " and more");
    if (names.size() % 4096 == 0) patience.check();
    names.add(name);
    return true;
  });
  if (error != 0) refuseErrno(error, shown);
  return names;
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

Page list(const ServerRoot& root, const CheckedPath& path, std::size_t offset, std::size_t limit,
          const Patience& patience) {
  const Descriptor directory = root.directory(path);
  Names names = namesOf(directory.get(), path.isRoot(), path.shown(), patience);
  Page page{.total = names.size(), .offset = offset};
  if (offset >= names.size()) return page;
  const std::size_t end = std::min(names.size(), offset + limit);
  names.sort(offset, end);
  page.entries.reserve(end - offset);
  std::size_t bytes = 0;
  for (std::size_t i = offset; i < end; ++i) {
    struct stat status {};
    // One that went meanwhile keeps its place, so that pages neither overlap nor miss any.
    (void)statusIn(directory.get(), names[i], status);
    page.entries.push_back(describe(names[i], status));
    bytes += kPerEntry + encodedBytes(page.entries.back().name);
    if (bytes >= static_cast<std::size_t>(kMostContent)) break;
  }
  return page;
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

#include "agent/files/staging.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "agent/files/tree.h"
#include "agent/panel/refusal.h"

namespace agent::files {
namespace {

constexpr mode_t kPrivate = 0700;
constexpr time_t kUploadAge = 24 * 3600;
constexpr time_t kOtherAge = 3600;

const char* stagingName() { return kStagingName.data(); }

/// Whatever else lies under the reserved name is in the way.
Descriptor openStaging(int root) {
  for (int attempt = 0; attempt < 64; ++attempt) {
    Descriptor opened = openDirectoryIn(root, stagingName());
    if (opened) return opened;
    if (errno != ENOTDIR && errno != ELOOP && errno != ENOENT) break;
    if (errno != ENOENT) ::unlinkat(root, stagingName(), 0);
    if (::mkdirat(root, stagingName(), kPrivate) != 0 && errno != EEXIST) break;
  }
  refuseErrno(errno, '/' + std::string(kStagingName));
}

}  // namespace

Staging::Staging(const ServerRoot& root) : root_(root), directory_(openStaging(root.fd())) {
  // Another operation may be removing it: a file of ours in it keeps it from here on.
  for (int attempt = 0; attempt < 64; ++attempt) {
    keep_ = randomName("k-");
    const Descriptor kept = createFileIn(fd(), keep_.c_str(), 0600);
    if (kept) return;
    if (errno != ENOENT) break;
    directory_ = openStaging(root.fd());
  }
  refuseErrno(errno, "/");
}

Staging::~Staging() {
  ::unlinkat(fd(), keep_.c_str(), 0);
  ::unlinkat(root_.fd(), stagingName(), AT_REMOVEDIR);  // not when others are at work in it
}

void Staging::sweep() const {
  const time_t now = ::time(nullptr);
  forEachName(fd(), [&](const char* name) {
    struct stat status {};
    const bool upload = std::string_view(name).starts_with("u-");
    if (!statusIn(fd(), name, status)) return true;
    if (now - status.st_mtime < (upload ? kUploadAge : kOtherAge)) return true;
    removeEntry(fd(), name, {});
    return true;
  });
}

NewFile::NewFile(const ServerRoot& root, const CheckedPath& path)
    : root_(root), shown_(path.shown()), staging_(root), name_(randomName("w-")) {
  file_ = createFileIn(staging_.fd(), name_.c_str(), 0600);
  if (!file_) refuseErrno(errno, shown_);
}

NewFile::~NewFile() {
  if (!name_.empty()) ::unlinkat(staging_.fd(), name_.c_str(), 0);
}

void NewFile::putAt(const Place& place, bool overwrite, std::optional<mode_t> mode) {
  putFile(root_, fd(), staging_.fd(), name_, place, overwrite, shown_, mode);
  name_.clear();
}

NewTree::NewTree(const ServerRoot& root, const CheckedPath& path)
    : shown_(path.shown()), staging_(root), name_(randomName("t-")) {
  if (::mkdirat(staging_.fd(), name_.c_str(), kPrivate) != 0) refuseErrno(errno, shown_);
  directory_ = openDirectoryIn(staging_.fd(), name_.c_str());
  if (!directory_) refuseErrno(errno, shown_);
}

NewTree::~NewTree() {
  if (!name_.empty()) removeEntry(staging_.fd(), name_.c_str(), {});
}

void NewTree::putAt(const Place& place) {
  renameTo(staging_.fd(), name_, place, false, shown_);
  name_.clear();
}

void putFile(const ServerRoot& root, int fd, int staging, const std::string& name,
             const Place& place, bool overwrite, const std::string& shown,
             std::optional<mode_t> mode) {
  root.checkReplaceable(place, overwrite, shown);
  root.dress(fd, place, mode.value_or(root.ownership().file_mode));
  if (::fsync(fd) != 0) refuseErrno(errno, shown);
  renameTo(staging, name, place, overwrite, shown);
}

void renameTo(int from, const std::string& name, const Place& to, bool overwrite,
              const std::string& shown) {
  const unsigned flags = overwrite ? 0 : RENAME_NOREPLACE;
  if (::renameat2(from, name.c_str(), to.directory.get(), to.name.c_str(), flags) != 0)
    refuseErrno(errno, shown);
  syncDirectory(to.directory.get());
}

void syncDirectory(int fd) noexcept { (void)::fsync(fd); }

void writeAll(int fd, const void* bytes, std::size_t size, std::int64_t offset,
              const std::string& shown) {
  const char* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = ::pwrite(fd, at, size, offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) refuseErrno(written == 0 ? ENOSPC : errno, shown);
    at += written;
    size -= static_cast<std::size_t>(written);
    offset += written;
  }
}

std::string randomName(const std::string& prefix) {
  std::array<unsigned char, 16> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string name = prefix;
  for (const unsigned char byte : random) {
    name += kDigits[byte >> 4];
    name += kDigits[byte & 15];
  }
  return name;
}

}  // namespace agent::files

#include "agent/files/staging.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "agent/files/temporary_name.h"
#include "agent/files/tree.h"
#include "agent/panel/refusal.h"

namespace agent::files {
namespace {

constexpr mode_t kPrivate = 0700;
constexpr time_t kUploadAge = 24 * 3600;
constexpr int kAttempts = 64;
/// Of a tree that is given up; what is left of it then goes at the agent's next start.
constexpr std::chrono::seconds kClearing{30};
constexpr const char* kKeep = "k-";
constexpr const char* kFile = "w-";
constexpr const char* kTree = "t-";

const char* stagingName() { return kStagingName.data(); }

/// Only we can write in it. Where the server's directory is open to the container's users, one of
/// them can make it first.
bool isOurs(int directory) {
  const struct stat status = statusOf(directory);
  return status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// Whatever else lies under the reserved name is in the way: a directory keeps what is in it, under
/// another name.
bool clearTheWay(int root) {
  if (::unlinkat(root, stagingName(), 0) == 0) return true;
  const std::string aside = std::string(kStagingName) + "-moved-" + hexDigits(8);
  return ::renameat2(root, stagingName(), root, aside.c_str(), RENAME_NOREPLACE) == 0 ||
         errno == ENOENT;
}

Descriptor openStaging(int root) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Descriptor opened = openDirectoryIn(root, stagingName());
    if (opened && isOurs(opened.get())) return opened;
    const bool missing = !opened && errno == ENOENT;
    if (!missing && !clearTheWay(root)) refuseErrno(errno, '/' + std::string(kStagingName));
    if (::mkdirat(root, stagingName(), kPrivate) != 0 && errno != EEXIST)
      refuseErrno(errno, '/' + std::string(kStagingName));
  }
  throw Refusal("PATH_FORBIDDEN", "'/" + std::string(kStagingName) +
                                      "' is the agent's, and something else makes it again and "
                                      "again; stop the server and try again");
}

}  // namespace

Staging::Staging(const ServerRoot& root) : root_(root), directory_(openStaging(root.fd())) {
  // Another operation may be removing it: a file of ours in it keeps it from here on.
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    keep_ = temporaryName(kKeep);
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

void sweepStaging(int root, const Patience& patience) {
  const Descriptor directory = openDirectoryIn(root, stagingName());
  if (!directory || !isOurs(directory.get())) return;
  const time_t now = ::time(nullptr);
  forEachName(directory.get(), [&](const char* name) {
    patience.check();
    struct stat status {};
    if (!statusIn(directory.get(), name, status)) return true;
    const bool left = isLeftOver(name, kKeep) || isLeftOver(name, kFile) || isLeftOver(name, kTree);
    if (left || now - status.st_mtime >= kUploadAge) removeEntry(directory.get(), name, patience);
    return true;
  });
  ::unlinkat(root, stagingName(), AT_REMOVEDIR);  // not when something is in it
}

NewFile::NewFile(const ServerRoot& root, const CheckedPath& path)
    : root_(root), shown_(path.shown()), staging_(root), name_(temporaryName(kFile)) {
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
    : shown_(path.shown()), staging_(root), name_(temporaryName(kTree)) {
  if (::mkdirat(staging_.fd(), name_.c_str(), kPrivate) != 0) refuseErrno(errno, shown_);
  directory_ = openDirectoryIn(staging_.fd(), name_.c_str());
  if (!directory_) refuseErrno(errno, shown_);
}

NewTree::~NewTree() {
  if (name_.empty()) return;
  // Somebody may fill it as fast as we empty it.
  try {
    removeEntry(staging_.fd(), name_.c_str(), Patience({}, kClearing));
  } catch (const Refusal&) {
  }
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

}  // namespace agent::files

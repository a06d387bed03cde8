#include "agent/files/server_root.h"

#include <fcntl.h>

#include <cerrno>

#include "agent/panel/refusal.h"

namespace agent::files {
namespace {

constexpr mode_t kPermissions = 0777;

/// Who owns the directory owns what is in it. When that is the agent itself, the container's user
/// is not known, and the directory is open to all who reach it: so are new files.
Ownership ownershipOf(int root) {
  const struct stat status = statusOf(root);
  Ownership ownership{.user = status.st_uid, .group = status.st_gid};
  if ((status.st_mode & S_IWOTH) != 0) {
    ownership.file_mode = 0666;
    ownership.directory_mode = 0777;
  }
  return ownership;
}

[[noreturn]] void refuseRoot() {
  throw Refusal("PATH_FORBIDDEN", "'/' is the server's directory itself; name something in it");
}

}  // namespace

mode_t modeForServers(int data_dir) {
  const bool closed = (statusOf(data_dir).st_mode & (S_IXGRP | S_IXOTH)) == 0;
  return closed ? 0777 : 0755;
}

ServerRoot ServerRoot::open(const std::string& data_dir, const std::string& server_id) {
  requireOpenBeneath();
  Descriptor directory = openServerDirectory(data_dir, server_id);
  if (!directory && errno == ENOENT)
    throw Refusal("FILE_NOT_FOUND", "server '" + server_id + "' has no directory of files");
  if (!directory) refuseErrno(errno, "/");
  return ServerRoot(std::move(directory));
}

ServerRoot::ServerRoot(Descriptor directory)
    : root_(std::move(directory)), ownership_(ownershipOf(root_.get())) {}

Descriptor ServerRoot::directory(const CheckedPath& path) const {
  Descriptor opened = openBeneath(fd(), path.relative(), O_RDONLY | O_DIRECTORY);
  if (!opened) refuseErrno(errno, path.shown());
  return opened;
}

Descriptor ServerRoot::file(const CheckedPath& path) const {
  Descriptor opened = openBeneath(fd(), path.relative(), O_RDONLY);
  if (!opened) refuseErrno(errno, path.shown());
  const struct stat status = statusOf(opened.get());
  if (isDirectory(status)) refuseErrno(EISDIR, path.shown());
  if (!isRegular(status)) refuseErrno(ENXIO, path.shown());
  return opened;
}

struct stat ServerRoot::status(const CheckedPath& path) const {
  const Descriptor opened = openBeneath(fd(), path.relative(), O_PATH);
  if (!opened) refuseErrno(errno, path.shown());
  return statusOf(opened.get());
}

/// With "/." the last part above is one on the way.
Descriptor ServerRoot::openAbove(const CheckedPath& path) const noexcept {
  const std::string above = std::string(path.parent().relative()) + "/.";
  return openBeneath(fd(), above.c_str(), O_RDONLY | O_DIRECTORY);
}

Place ServerRoot::place(const CheckedPath& path) const {
  if (path.isRoot()) refuseRoot();
  Descriptor above = openAbove(path);
  if (!above) refuseErrno(errno, path.parent().shown());
  return {std::move(above), path.name()};
}

Place ServerRoot::makePlace(const CheckedPath& path) const {
  if (path.isRoot()) refuseRoot();
  Descriptor above = openAbove(path);
  if (above) return {std::move(above), path.name()};
  if (errno != ENOENT) refuseErrno(errno, path.parent().shown());
  makeDirectories(path.parent());
  return place(path);
}

bool ServerRoot::makeDirectories(const CheckedPath& path) const {
  if (openBeneath(fd(), path.relative(), O_RDONLY | O_DIRECTORY)) return false;
  if (errno == ENOTDIR && openAbove(path)) errno = EEXIST;
  if (errno != ENOENT) refuseErrno(errno, path.shown());
  const Place place = makePlace(path);
  if (::mkdirat(place.directory.get(), place.name.c_str(), 0700) != 0) {
    if (errno != EEXIST) refuseErrno(errno, path.shown());
    return false;  // somebody else made it, or a link that leads nowhere
  }
  const Descriptor made = openDirectoryIn(place.directory.get(), place.name.c_str());
  if (!made) refuseErrno(errno, path.shown());
  dressNew(made.get(), ownership_.directory_mode);
  return true;
}

void ServerRoot::checkReplaceable(const Place& place, bool overwrite,
                                  const std::string& shown) const {
  struct stat status {};
  if (!statusIn(place, status)) return;
  if (isDirectory(status)) refuseErrno(EISDIR, shown);
  if (S_ISLNK(status.st_mode)) refuseErrno(ELOOP, shown);
  if (!isRegular(status)) refuseErrno(ENXIO, shown);
  if (!overwrite) refuseErrno(EEXIST, shown);
  if (status.st_nlink > 1)
    throw Refusal("PATH_FORBIDDEN", '\'' + shown + "' has " + std::to_string(status.st_nlink) +
                                        " names (hard links) and is not written; delete it first");
}

void ServerRoot::dress(int fd, const Place& place, mode_t mode) const {
  struct stat replaced {};
  if (!statusIn(place, replaced) || !isRegular(replaced)) return dressNew(fd, mode);
  if (::fchown(fd, replaced.st_uid, replaced.st_gid) != 0 && errno != EPERM)
    refuseErrno(errno, '/' + place.name);
  if (::fchmod(fd, replaced.st_mode & kPermissions) != 0) refuseErrno(errno, '/' + place.name);
}

/// An agent that is not root cannot give files away: they stay its own, as all it made before.
void ServerRoot::dressNew(int fd, mode_t mode) const {
  if (::fchown(fd, ownership_.user, ownership_.group) != 0 && errno != EPERM)
    refuseErrno(errno, "/");
  const bool directory = isDirectory(statusOf(fd));
  // Where the container's user is not known, all who reach the directory are let in.
  const mode_t least = (ownership_.file_mode & S_IWOTH) == 0
                           ? 0
                           : (directory ? ownership_.directory_mode : ownership_.file_mode);
  if (::fchmod(fd, (mode | least) & kPermissions) != 0) refuseErrno(errno, "/");
}

bool statusIn(const Place& place, struct stat& status) noexcept {
  return statusIn(place.directory.get(), place.name.c_str(), status);
}

bool statusIn(int directory, const char* name, struct stat& status) noexcept {
  return ::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace agent::files

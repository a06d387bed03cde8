#include "agent/files/change.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "agent/files/staging.h"
#include "agent/files/tree.h"
#include "agent/panel/refusal.h"

namespace agent::files {
namespace {

/// What a copy may take on the disk. Holes take nothing.
class Room {
 public:
  explicit Room(std::int64_t bytes) : left_(bytes) {}

  void take(const struct stat& status, const std::string& shown) {
    left_ -= static_cast<std::int64_t>(status.st_blocks) * 512;
    if (left_ < 0)
      throw Refusal("DISK_FULL", '\'' + shown +
                                     "' is not copied: there is no room for it within the "
                                     "server's disk limit or on the host");
  }

 private:
  std::int64_t left_;
};

/// Copies a walked tree to another directory.
class TreeCopy {
 public:
  TreeCopy(const ServerRoot& root, int to, const CopyWork& work)
      : root_(root), work_(work), room_(work.room), to_(to), directory_(openAgain(to)) {}

  void take(const TreeWalk::Entry& entry) {
    work_.patience.check();
    goTo(std::string_view(entry.path).substr(0, entry.path.size() - std::strlen(entry.name)));
    if (isDirectory(entry.status)) return makeDirectory(entry);
    if (!isRegular(entry.status)) return skip();
    const std::string shown = '/' + entry.path;
    const Descriptor from = openBeneath(entry.directory, entry.name, O_RDONLY, Links::kNone);
    if (!from && (errno == ENOENT || errno == ELOOP)) return skip();
    if (!from) refuseErrno(errno, shown);
    const struct stat status = statusOf(from.get());
    if (!isRegular(status)) return skip();
    room_.take(status, shown);
    const Descriptor to = createFileIn(directory_.get(), entry.name, 0600);
    if (!to && errno == EEXIST) return;  // met twice, as happens while a directory changes
    if (!to) refuseErrno(errno, shown);
    copied.bytes += copyBytes(from.get(), to.get(), shown, work_);
    root_.dressNew(to.get(), entry.status.st_mode);
    ++copied.files;
  }

  void skip() { ++copied.skipped; }

  Copied copied{};

 private:
  /// `above`: empty, or with a slash at its end.
  void goTo(std::string_view above) {
    if (above == above_) return;
    directory_ = openFarBelow(to_, above.substr(0, std::max<std::size_t>(above.size(), 1) - 1));
    if (!directory_) refuseErrno(errno, '/' + std::string(above));
    above_ = above;
  }

  void makeDirectory(const TreeWalk::Entry& entry) {
    const std::string shown = '/' + entry.path;
    if (::mkdirat(directory_.get(), entry.name, 0700) != 0 && errno != EEXIST)
      refuseErrno(errno, shown);
    const Descriptor made = openDirectoryIn(directory_.get(), entry.name);
    if (!made) refuseErrno(errno, shown);
    root_.dressNew(made.get(), entry.status.st_mode | S_IRWXU);
    ++copied.directories;
  }

  const ServerRoot& root_;
  const CopyWork& work_;
  Room room_;
  const int to_;
  Descriptor directory_;  ///< below `to_`, where the present entry goes
  std::string above_{};   ///< its path
};

Copied copyTree(const ServerRoot& root, const CheckedPath& from, const CheckedPath& to,
                const PutOptions& options, const CopyWork& work) {
  checkTarget(root, to, options, true);
  const Descriptor source = root.directory(from);
  NewTree made(root, to);
  TreeCopy copying(root, made.fd(), work);
  TreeWalk walk(source.get(), from.isRoot(), TreeWalk::Missing::kRefuse);
  while (const TreeWalk::Entry* entry = walk.next()) copying.take(*entry);
  root.dressNew(made.fd(), statusOf(source.get()).st_mode | S_IRWXU);
  made.putAt(placeFor(root, to, options));
  ++copying.copied.directories;
  copying.copied.skipped += static_cast<std::int64_t>(walk.passedOver());
  return copying.copied;
}

Copied copyFile(const ServerRoot& root, const CheckedPath& from, const CheckedPath& to,
                const PutOptions& options, const CopyWork& work) {
  const Descriptor source = root.file(from);
  checkTarget(root, to, options, false);
  Room(work.room).take(statusOf(source.get()), from.shown());
  NewFile made(root, to);
  Copied copied{.files = 1};
  copied.bytes = copyBytes(source.get(), made.fd(), to.shown(), work);
  made.putAt(placeFor(root, to, options), options.overwrite, statusOf(source.get()).st_mode);
  return copied;
}

}  // namespace

Place placeFor(const ServerRoot& root, const CheckedPath& path, const PutOptions& options) {
  return options.make_directories ? root.makePlace(path) : root.place(path);
}

void checkTarget(const ServerRoot& root, const CheckedPath& path, const PutOptions& options,
                 bool directory) {
  if (path.isRoot() || !options.make_directories) (void)root.place(path);
  Descriptor above = root.openAbove(path);
  if (!above && errno == ENOENT) return;
  if (!above) refuseErrno(errno, path.parent().shown());
  const Place place{std::move(above), path.name()};
  if (!directory) return root.checkReplaceable(place, options.overwrite, path.shown());
  struct stat status {};
  if (statusIn(place, status)) refuseErrno(EEXIST, path.shown());
}

void writeFile(const ServerRoot& root, const CheckedPath& path, const std::string& bytes,
               const PutOptions& options) {
  checkTarget(root, path, options, false);
  NewFile file(root, path);
  writeAll(file.fd(), bytes.data(), bytes.size(), 0, path.shown());
  file.putAt(placeFor(root, path, options), options.overwrite);
}

bool makeDirectory(const ServerRoot& root, const CheckedPath& path) {
  return root.makeDirectories(path);
}

void remove(const ServerRoot& root, const CheckedPath& path, bool recursive,
            const Patience& patience) {
  const Place place = root.place(path);
  struct stat status {};
  if (!statusIn(place, status)) refuseErrno(errno, path.shown());
  const int error =
      recursive || !isDirectory(status)
          ? removeEntry(place.directory.get(), place.name.c_str(), patience)
          : (::unlinkat(place.directory.get(), place.name.c_str(), AT_REMOVEDIR) == 0 ? 0 : errno);
  if (recursive && error == ENOTEMPTY)
    throw Refusal("INVALID_STATE", '\'' + path.shown() +
                                       "' is filled again while it is emptied; stop the server "
                                       "and delete it then");
  if (error != 0) refuseErrno(error, path.shown());
}

void move(const ServerRoot& root, const CheckedPath& from, const CheckedPath& to,
          const PutOptions& options) {
  const Place source = root.place(from);
  struct stat status {};
  if (!statusIn(source, status)) refuseErrno(errno, from.shown());
  if (to.isIn(from))
    throw Refusal("INVALID_PAYLOAD",
                  '\'' + from.shown() + "' cannot be moved to itself or into itself");
  const Place place = placeFor(root, to, options);
  renameTo(source.directory.get(), source.name, place, options.overwrite, to.shown());
  syncDirectory(source.directory.get());
}

Copied copy(const ServerRoot& root, const CheckedPath& from, const CheckedPath& to,
            const PutOptions& options, const CopyWork& work) {
  if (to == from)
    throw Refusal("INVALID_PAYLOAD", '\'' + from.shown() + "' cannot be copied to itself");
  const bool directory = isDirectory(root.status(from));
  return directory ? copyTree(root, from, to, options, work)
                   : copyFile(root, from, to, options, work);
}

/// The descriptor is that of the thing itself: the last part is opened without following it.
mode_t setPermissions(const ServerRoot& root, const CheckedPath& path, mode_t permissions) {
  const Descriptor opened = openBeneath(root.fd(), path.relative(), O_RDONLY);
  if (!opened) refuseErrno(errno, path.shown());
  const struct stat status = statusOf(opened.get());
  if (!isDirectory(status) && !isRegular(status)) refuseErrno(ENXIO, path.shown());
  if (isRegular(status) && status.st_nlink > 1)
    throw Refusal("PATH_FORBIDDEN", '\'' + path.shown() + "' has " +
                                        std::to_string(status.st_nlink) +
                                        " names (hard links) and is not changed");
  if (path.isRoot())
    throw Refusal("PATH_FORBIDDEN", "the permissions of '/' are the agent's to set");
  if (::fchmod(opened.get(), permissions & 0777) != 0) refuseErrno(errno, path.shown());
  return statusOf(opened.get()).st_mode & 0777;
}

}  // namespace agent::files

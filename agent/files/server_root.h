#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "agent/descriptor.h"
#include "agent/files/beneath.h"
#include "agent/files/checked_path.h"

namespace agent::files {

/// A name in a directory that is open.
struct Place {
  Descriptor directory{};
  std::string name{};
};

/// Whose new files are, so that the server's container can use them.
struct Ownership {
  uid_t user = 0;
  gid_t group = 0;
  mode_t file_mode = 0644;
  mode_t directory_mode = 0755;
};

/// The mode of a server's directory below that of all, which is open. An image's user is known to
/// the image alone, so it is open to every user who can reach it: to nobody but the container, as
/// long as the directory above is closed. Below one that the operator opened to others it belongs
/// to root alone.
mode_t modeForServers(int data_dir);

/// A server's directory of files, open. Everything below is reached from this descriptor.
///
/// Threads: any. Blocking: as long as the file system does.
/// Errors:  Refusal with the codes of file actions; messages name no host path.
class ServerRoot {
 public:
  static ServerRoot open(const std::string& data_dir, const std::string& server_id);
  explicit ServerRoot(Descriptor directory);

  int fd() const noexcept { return root_.get(); }
  const Ownership& ownership() const noexcept { return ownership_; }

  Descriptor directory(const CheckedPath& path) const;
  /// The directory that holds the path's last part, for which a link on the way may stand; nothing
  /// and errno.
  Descriptor openAbove(const CheckedPath& path) const noexcept;
  /// A regular file for reading.
  Descriptor file(const CheckedPath& path) const;
  /// Of the thing itself, when the path ends with a symbolic link.
  struct stat status(const CheckedPath& path) const;
  /// The directory that holds the last part. PATH_FORBIDDEN for the root.
  Place place(const CheckedPath& path) const;
  /// Likewise; directories on the way that are not there are made.
  Place makePlace(const CheckedPath& path) const;
  /// Makes the directory and those above it. False: it was there.
  bool makeDirectories(const CheckedPath& path) const;

  /// Refuses what must not be replaced by a file: directories, devices, hard-linked files; and
  /// anything at all unless `overwrite`. `shown` names it.
  void checkReplaceable(const Place& place, bool overwrite, const std::string& shown) const;
  /// Owner and mode for what is put at `place`: those of the file that it replaces; else `mode`.
  void dress(int fd, const Place& place, mode_t mode) const;
  void dressNew(int fd, mode_t mode) const;

 private:
  Descriptor root_;
  Ownership ownership_;
};

/// Looks at a directory's name without following it. False: there is none.
bool statusIn(const Place& place, struct stat& status) noexcept;
bool statusIn(int directory, const char* name, struct stat& status) noexcept;

}  // namespace agent::files

#pragma once

#include <optional>
#include <string>

#include "agent/descriptor.h"
#include "agent/files/patience.h"
#include "agent/files/server_root.h"

namespace agent::files {

/// The agent's own corner in a server's directory, on the same file system as all of it: what is
/// being made is made here and renamed to where it belongs when it is whole. It is removed with its
/// last file. What lies in its place and is not ours is moved aside.
class Staging {
 public:
  explicit Staging(const ServerRoot& root);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  int fd() const noexcept { return directory_.get(); }

 private:
  const ServerRoot& root_;
  Descriptor directory_;
  std::string keep_;
};

/// A file in the making. Removed unless it was put in its place.
class NewFile {
 public:
  NewFile(const ServerRoot& root, const CheckedPath& path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  int fd() const noexcept { return file_.get(); }
  /// Written to the disk, given owner and mode, and put at `place`: wholly or not at all. `mode` is
  /// for one that replaces none.
  void putAt(const Place& place, bool overwrite, std::optional<mode_t> mode = {});

 private:
  const ServerRoot& root_;
  const std::string shown_;
  Staging staging_;
  std::string name_;
  Descriptor file_;
};

/// A directory in the making. Removed with all in it unless it was put in its place.
class NewTree {
 public:
  NewTree(const ServerRoot& root, const CheckedPath& path);
  ~NewTree();
  NewTree(const NewTree&) = delete;
  NewTree& operator=(const NewTree&) = delete;

  int fd() const noexcept { return directory_.get(); }
  /// PATH_FORBIDDEN, FILE_EXISTS: something is there.
  void putAt(const Place& place);

 private:
  const std::string shown_;
  Staging staging_;
  std::string name_;
  Descriptor directory_;
};

/// Puts the staged file `name` at `place`; owner and mode are those of what it replaces or new.
void putFile(const ServerRoot& root, int fd, int staging, const std::string& name,
             const Place& place, bool overwrite, const std::string& shown,
             std::optional<mode_t> mode = {});

/// Renames; `overwrite` false refuses to replace anything. FILE_EXISTS.
void renameTo(int from, const std::string& name, const Place& to, bool overwrite,
              const std::string& shown);

/// So that a rename survives a loss of power.
void syncDirectory(int fd) noexcept;

/// Writes all of it at `offset`.
void writeAll(int fd, const void* bytes, std::size_t size, std::int64_t offset,
              const std::string& shown);

/// Removes what agents before this one left in a server's directory, `root`: what was in the making
/// at once, uploads that nobody went on with after a day. A directory that others can write in is
/// left alone. Errors: those of Patience.
void sweepStaging(int root, const Patience& patience = {});

}  // namespace agent::files

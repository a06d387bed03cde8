#include "agent/files/tree.h"

#include <fcntl.h>
#include <stdio.h>

#include <cerrno>
#include <optional>
#include <string_view>

#include "agent/files/checked_path.h"
#include "agent/files/server_root.h"

namespace agent::files {
namespace {

/// Levels below which directories are moved up before they are emptied.
constexpr int kDeepestRemoval = 32;
constexpr std::size_t kNamesAtOnce = 512;

using Stream = std::unique_ptr<DIR, int (*)(DIR*)>;

Stream streamOf(Descriptor directory) {
  Stream stream(directory ? ::fdopendir(directory.get()) : nullptr, ::closedir);
  if (stream) directory.release();
  return stream;
}

bool isDots(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/// The next name; null with errno 0 at the end.
const dirent* readName(DIR* stream) {
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr || !isDots(entry->d_name)) return entry;
  }
}

class Removal {
 public:
  Removal(int top, const Patience& patience, OpenDirectory open)
      : top_(top), patience_(patience), open_(open) {}

  /// What comes while it is emptied is removed too, but whoever goes on filling it does not keep us
  /// at it: ENOTEMPTY.
  int empty(int directory, int depth) {
    std::size_t there = 0;
    const int unread = forEachName(directory, [&](const char*) {
      if (there % kNamesAtOnce == 0) patience_.check();
      return ++there > 0;
    });
    if (unread != 0) return unread;
    for (std::size_t removed = 0;;) {
      std::vector<std::string> names;
      const int error = forEachName(directory, [&names](const char* name) {
        names.emplace_back(name);
        return names.size() < kNamesAtOnce;
      });
      if (error != 0) return error;
      if (names.empty()) return 0;
      for (const std::string& name : names) {
        patience_.check();
        if (removed++ > 2 * there + kNamesAtOnce + moved_) return ENOTEMPTY;
        if (const int failed = removeOne(directory, name.c_str(), depth); failed != 0)
          return failed;
      }
    }
  }

  int removeOne(int directory, const char* name, int depth) {
    if (unlinkFile(directory, name) || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return errno;
    const int why_not_a_file = errno;
    if (depth >= kDeepestRemoval) return moveUp(directory, name);
    {
      const Descriptor below = open_(directory, name);
      if (!below) return errno == ENOTDIR || errno == ELOOP ? why_not_a_file : errno;
      if (const int error = empty(below.get(), depth + 1); error != 0) return error;
    }
    return ::unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
  }

 private:
  /// What is in the way of an agent that is not root are the rights on a directory that goes
  /// anyway.
  static bool unlinkFile(int directory, const char* name) {
    if (::unlinkat(directory, name, 0) == 0) return true;
    if (errno != EACCES) return false;
    if (::fchmod(directory, S_IRWXU) == 0) return ::unlinkat(directory, name, 0) == 0;
    errno = EACCES;
    return false;
  }

  int moveUp(int directory, const char* name) {
    for (;;) {
      const std::string moved = ".removing-" + std::to_string(++moved_);
      if (::renameat2(directory, name, top_, moved.c_str(), RENAME_NOREPLACE) == 0) return 0;
      if (errno != EEXIST) return errno;
    }
  }

  const int top_;
  const Patience& patience_;
  const OpenDirectory open_;
  std::size_t moved_ = 0;  ///< to the top, where they were not before
};

}  // namespace

int forEachName(int directory, const std::function<bool(const char* name)>& take) {
  const Stream stream = streamOf(openAgain(directory));
  if (!stream) return errno;
  while (const dirent* entry = readName(stream.get()))
    if (!take(entry->d_name)) return 0;
  return errno;
}

int emptyDirectory(int directory, const Patience& patience, OpenDirectory open) {
  return Removal(directory, patience, open).empty(directory, 0);
}

int removeEntry(int directory, const char* name, const Patience& patience) {
  if (::unlinkat(directory, name, 0) == 0) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  const int why_not_a_file = errno;
  {
    const Descriptor top = openDirectoryIn(directory, name);
    if (!top) return errno == ENOTDIR || errno == ELOOP ? why_not_a_file : errno;
    if (const int error = emptyDirectory(top.get(), patience); error != 0) return error;
  }
  return ::unlinkat(directory, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

TreeWalk::TreeWalk(int top, bool at_root, Missing missing, std::size_t deepest)
    : at_root_(at_root), missing_(missing), deepest_(deepest), top_(openAgain(top)) {
  if (!enter(openAgain(top), 0)) refuseErrno(errno, "/");
}

const TreeWalk::Entry* TreeWalk::next() {
  if (descend_) descend();
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (!level.stream && !goOnIn(level)) {
      const int error = errno;
      entry_.path.resize(level.path_size);
      levels_.pop_back();
      passOver(error);
      continue;
    }
    const dirent* found = readName(level.stream.get());
    if (found == nullptr) {
      const int error = errno;
      entry_.path.resize(level.path_size);
      levels_.pop_back();
      if (error != 0) passOver(error);
      continue;
    }
    entry_.directory = ::dirfd(level.stream.get());
    entry_.name = found->d_name;
    entry_.depth = levels_.size() - 1;
    if (at_root_ && entry_.depth == 0 && entry_.name == kStagingName) continue;
    if (!statusIn(entry_.directory, entry_.name, entry_.status)) continue;  // gone meanwhile
    entry_.path.resize(level.path_size);
    if (level.path_size > 0) entry_.path += '/';
    entry_.path += entry_.name;
    descend_ = isDirectory(entry_.status);
    return &entry_;
  }
  return nullptr;
}

bool TreeWalk::enter(Descriptor directory, std::size_t path_size) {
  Stream stream = streamOf(std::move(directory));
  if (!stream) return false;
  const struct stat status = statusOf(::dirfd(stream.get()));
  levels_.push_back({std::move(stream), path_size, status});
  if (levels_.size() <= kOpen) return true;
  Level& far = levels_[levels_.size() - 1 - kOpen];
  if (!far.stream) return true;  // closed on the way to another below it
  far.position = ::telldir(far.stream.get());
  far.stream.reset();
  return true;
}

bool TreeWalk::goOnIn(Level& level) {
  level.stream =
      streamOf(openFarBelow(top_.get(), std::string_view(entry_.path).substr(0, level.path_size)));
  const bool gone = !level.stream && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP);
  if (gone) errno = ESTALE;
  if (!level.stream) return false;
  const struct stat status = statusOf(::dirfd(level.stream.get()));
  if (status.st_dev != level.status.st_dev || status.st_ino != level.status.st_ino)
    return errno = ESTALE, false;
  ::seekdir(level.stream.get(), level.position);
  return true;
}

void TreeWalk::descend() {
  descend_ = false;
  if (levels_.size() > deepest_) return passOver(ENAMETOOLONG);
  if (!enter(openDirectoryIn(entry_.directory, entry_.name), entry_.path.size())) passOver(errno);
}

/// What was exchanged for something else at this moment counts as passed over in any case.
void TreeWalk::passOver(int error) {
  ++passed_over_;
  if (missing_ == Missing::kCount || error == ENOENT || error == ENOTDIR || error == ELOOP) return;
  if (error == ESTALE)
    throw Refusal("INVALID_STATE", "'/" + entry_.path +
                                       "' was moved away while it was read; stop the server, or "
                                       "try again");
  if (error == ENAMETOOLONG)
    throw Refusal("INVALID_PAYLOAD", "deeper than " + std::to_string(deepest_) + " levels lies '/" +
                                         entry_.path + '\'');
  refuseErrno(error, '/' + entry_.path);
}

}  // namespace agent::files

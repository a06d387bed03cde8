#include "agent/files/unpack.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "agent/files/beneath.h"
#include "agent/files/checked_path.h"
#include "agent/files/staging.h"
#include "agent/files/tree.h"
#include "agent/utf8.h"

namespace agent::files {
namespace {

[[noreturn]] void tooLarge(const std::string& what) {
  throw Refusal("FILE_TOO_LARGE", "the archive " + what + "; nothing of it was kept");
}

class Unpacking {
 public:
  Unpacking(int archive, const std::string& shown, int to, const ArchiveWork& work,
            const Dress& dress, UnpackLinks links)
      : reader_(archive, shown, work.patience),
        shown_(shown),
        to_(to),
        work_(work),
        dress_(dress),
        links_(links) {
    done_.size = statusOf(archive).st_size;
  }

  Archived run() {
    while (const std::optional<ArchiveEntry> entry = reader_.next()) {
      work_.patience.check();
      if (++seen_ > work_.limits.entries)
        tooLarge("holds more than " + std::to_string(work_.limits.entries) + " entries");
      take(*entry);
      drain();
      tell();
    }
    leave({});
    return done_;
  }

 private:
  /// What is left of an entry, one that is no file too: libarchive would skip it on the way to the
  /// next, uncounted and not to be stopped.
  void drain() {
    std::int64_t end = 0;
    while (const auto block = reader_.nextBlock()) pass(*block, end);
  }

  void pass(const ArchiveReader::Block& block, std::int64_t& end) {
    work_.patience.check();
    count(block, end);
    end = block.offset + static_cast<std::int64_t>(block.size);
    tell();
  }

  void take(const ArchiveEntry& entry) {
    const std::vector<std::string> parts = partsOf(entry.path);
    if (parts.empty()) return;  // the top itself
    leave(parts);
    switch (entry.type) {
      case ArchiveEntry::Type::kDirectory:
        return makeDirectory(parts, entry);
      case ArchiveEntry::Type::kFile:
        return makeFile(parts, entry);
      case ArchiveEntry::Type::kSymlink:
        if (links_ == UnpackLinks::kMake) return makeLink(parts, entry);
        break;
      case ArchiveEntry::Type::kOther:
        break;
    }
    ++done_.skipped;
  }

  /// PATH_FORBIDDEN for what would lie elsewhere: one such name is reason not to trust the rest.
  std::vector<std::string> partsOf(const std::string& path) const {
    if (path.empty())
      forbid("entry " + std::to_string(seen_),
             "a name that cannot be read: it is empty, or not UTF-8 as the archive says");
    if (path.front() == '/') forbid(path, "an absolute path");
    // In a backup there may be longer ones: it goes deeper than what a panel names.
    if (links_ == UnpackLinks::kSkip && path.size() > CheckedPath::kLongest)
      forbid(path, "no path");
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      std::string part = path.substr(begin, end - begin);
      begin = end + 1;
      if (part.empty() || part == ".") continue;
      if (part == "..") forbid(path, "a path that leads upwards");
      if (part.size() > CheckedPath::kLongestName) forbid(path, "a name that is too long");
      if (parts.empty() && part == kStagingName) forbid(path, "a name of the agent's");
      parts.push_back(std::move(part));
    }
    if (parts.size() > work_.limits.depth)
      tooLarge("holds directories deeper than " + std::to_string(work_.limits.depth));
    return parts;
  }

  [[noreturn]] void forbid(const std::string& path, const std::string& what) const {
    throw Refusal("PATH_FORBIDDEN", '\'' + shown_ + "' holds " + what + ": '" +
                                        path.substr(0, 200) + "'; nothing of it was unpacked");
  }

  /// The directory that the last part goes into.
  int above(const std::vector<std::string>& parts) {
    const std::vector<std::string> wanted(parts.begin(), parts.end() - 1);
    const bool is_below = current_ && current_path_.size() <= wanted.size() &&
                          std::equal(current_path_.begin(), current_path_.end(), wanted.begin());
    if (!is_below) current_path_.clear();
    Descriptor directory = is_below ? std::move(current_) : openAgain(to_);
    if (!directory) refuseErrno(errno, shown_);
    for (std::size_t i = current_path_.size(); i < wanted.size(); ++i)
      directory = enter(directory.get(), wanted[i]);
    current_path_ = wanted;
    current_ = std::move(directory);
    return current_.get();
  }

  Descriptor enter(int directory, const std::string& part) {
    Descriptor below = openDirectoryIn(directory, part.c_str());
    if (below) return below;
    if (errno == ENOTDIR || errno == ELOOP)
      makeWayFor(directory, part, part);
    else if (errno != ENOENT)
      refuseErrno(errno, part);
    if (::mkdirat(directory, part.c_str(), 0700) != 0) refuseErrno(errno, part);
    below = openDirectoryIn(directory, part.c_str());
    if (!below) refuseErrno(errno, part);
    // One that the archive names nowhere, or later.
    dress_(below.get(), {.type = ArchiveEntry::Type::kDirectory, .permissions = 0755});
    return below;
  }

  /// A backup holds twice what was exchanged for something else while it was made; the later one is
  /// newer. Other archives have no reason to.
  void makeWayFor(int directory, const std::string& part, const std::string& name) const {
    if (links_ == UnpackLinks::kMake && removeEntry(directory, part.c_str(), work_.patience) == 0)
      return;
    throw Refusal("INVALID_PAYLOAD", '\'' + shown_ + "' names '" + name +
                                         "' twice, as different things; nothing was unpacked");
  }

  void makeDirectory(const std::vector<std::string>& parts, const ArchiveEntry& entry) {
    const Descriptor made = enter(above(parts), parts.back());
    ArchiveEntry usable = entry;
    usable.permissions |= S_IRWXU;  // what comes next goes in there
    dress_(made.get(), usable);
    if (usable.permissions != entry.permissions) {
      within_.push_back({parts.size(), entry.user, entry.group, entry.permissions});
      innermost_ = parts;
    }
    ++done_.entries;
  }

  /// Directories that `parts` is not in get the permissions that they are to have.
  void leave(const std::vector<std::string>& parts) {
    const auto [left, next] =
        std::mismatch(innermost_.begin(), innermost_.end(), parts.begin(), parts.end());
    const std::size_t shared = std::min<std::size_t>(
        static_cast<std::size_t>(left - innermost_.begin()), parts.empty() ? 0 : parts.size() - 1);
    for (; !within_.empty() && within_.back().levels > shared; within_.pop_back()) {
      const Within& last = within_.back();
      std::string path;
      for (std::size_t i = 0; i < last.levels; ++i) path += (i == 0 ? "" : "/") + innermost_[i];
      const Descriptor directory = openFarBelow(to_, path);
      if (!directory) refuseErrno(errno, path);
      dress_(directory.get(), {.type = ArchiveEntry::Type::kDirectory,
                               .path = path,
                               .permissions = last.permissions,
                               .user = last.user,
                               .group = last.group});
    }
    innermost_.resize(within_.empty() ? 0 : within_.back().levels);
  }

  void makeLink(const std::vector<std::string>& parts, const ArchiveEntry& entry) {
    const int directory = above(parts);
    const char* const name = parts.back().c_str();
    bool made = ::symlinkat(entry.target.c_str(), directory, name) == 0;
    if (!made && errno == EEXIST) {
      makeWayFor(directory, parts.back(), entry.path);
      made = ::symlinkat(entry.target.c_str(), directory, name) == 0;
    }
    if (!made) refuseErrno(errno, entry.path);
    (void)::fchownat(directory, parts.back().c_str(), static_cast<uid_t>(entry.user),
                     static_cast<gid_t>(entry.group), AT_SYMLINK_NOFOLLOW);
    ++done_.entries;
  }

  void makeFile(const std::vector<std::string>& parts, const ArchiveEntry& entry) {
    if (entry.size > work_.limits.bytes - done_.bytes) tooLargeInBytes();
    const int directory = above(parts);
    Descriptor file = createFileIn(directory, parts.back().c_str(), 0600);
    if (!file && errno == EEXIST) {
      makeWayFor(directory, parts.back(), entry.path);
      file = createFileIn(directory, parts.back().c_str(), 0600);
    }
    if (!file) refuseErrno(errno, entry.path);
    std::int64_t end = 0;
    std::int64_t written = 0;
    while (const auto block = reader_.nextBlock()) {
      pass(*block, end);
      writeAll(file.get(), block->bytes, block->size, block->offset, entry.path);
      written += static_cast<std::int64_t>(block->size);
      requireRoom(file.get(), written);
    }
    if (work_.limits.taken < INT64_MAX) done_.taken += takenBy(statusOf(file.get()), written);
    // A hole at the end.
    if (entry.size > end && ::ftruncate(file.get(), entry.size) != 0)
      refuseErrno(errno, entry.path);
    if (entry.size > end) done_.bytes += entry.size - end;
    dress_(file.get(), entry);
    if (entry.modified) {
      const timespec times[] = {*entry.modified, *entry.modified};
      (void)::futimens(file.get(), times);
    }
    ++done_.entries;
  }

  /// What the file takes by now is not in done_ yet.
  void requireRoom(int file, std::int64_t written) const {
    if (work_.limits.taken == INT64_MAX) return;
    if (takenBy(statusOf(file), written) > work_.limits.taken - done_.taken)
      refuseTaken(shown_, work_.limits.taken);
  }

  /// What comes out counts, not what headers say; holes count too, but not for the ratio, as they
  /// take nothing on the disk.
  void count(const ArchiveReader::Block& block, std::int64_t end) {
    const std::int64_t size = static_cast<std::int64_t>(block.size);
    if (block.offset < end || block.offset > work_.limits.bytes) tooLargeInBytes();
    done_.bytes += block.offset - end + size;
    written_ += size;
    if (done_.bytes > work_.limits.bytes) tooLargeInBytes();
    if (!work_.limits.allowRatio(written_, done_.size))
      tooLarge("holds more than " + std::to_string(work_.limits.ratio_from) + " bytes and " +
               std::to_string(work_.limits.ratio) + " times its size");
  }

  [[noreturn]] void tooLargeInBytes() const {
    tooLarge("holds more than the " + std::to_string(work_.limits.bytes) +
             " bytes there is room for");
  }

  void tell() const {
    work_.progress({.entries = done_.entries,
                    .bytes = done_.bytes,
                    .consumed = std::min(reader_.consumed(), done_.size),
                    .size = done_.size});
  }

  ArchiveReader reader_;
  const std::string& shown_;
  const int to_;
  const ArchiveWork& work_;
  const Dress& dress_;
  const UnpackLinks links_;
  Archived done_{};
  std::int64_t seen_ = 0;
  std::int64_t written_ = 0;
  /// Directories on the way to the present entry that may not be usable in the end: each one's
  /// first so many of `innermost_`.
  struct Within {
    std::size_t levels;
    std::int64_t user, group;
    mode_t permissions;
  };
  std::vector<Within> within_{};
  std::vector<std::string> innermost_{};
  std::vector<std::string> current_path_{};
  Descriptor current_{};
};

}  // namespace

void refuseTaken(const std::string& shown, std::int64_t most) {
  throw Refusal("DISK_FULL", "the server's limit of " + std::to_string(most) +
                                 " bytes would be passed: " + shown +
                                 " takes more on the disk; nothing of it was kept: raise "
                                 "limits.disk");
}

Archived unpack(int archive, const std::string& shown, int to, const ArchiveWork& work,
                const Dress& dress, UnpackLinks links) {
  return Unpacking(archive, shown, to, work, dress, links).run();
}

}  // namespace agent::files

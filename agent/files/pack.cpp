#include "agent/files/pack.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "agent/files/tree.h"

namespace agent::files {
namespace {

/// Adds what paths lead to to an archive.
class Packing {
 public:
  Packing(const ServerRoot& root, ArchiveWriter& writer, const ArchiveWork& work,
          const PackOptions& options, Archived& done)
      : root_(root), writer_(writer), work_(work), options_(options), done_(done) {}

  void add(const CheckedPath& path, const std::string& name) {
    const struct stat status = root_.status(path);
    if (S_ISLNK(status.st_mode)) refuseErrno(ELOOP, path.shown());
    if (!isDirectory(status)) {
      if (!isRegular(status)) refuseErrno(ENXIO, path.shown());
      const Place place = root_.place(path);
      return addFile(place.directory.get(), place.name.c_str(), name, status);
    }
    const Descriptor directory = root_.directory(path);
    if (!name.empty()) addDirectory(name, status);
    TreeWalk walk(directory.get(), path.isRoot(), TreeWalk::Missing::kRefuse);
    while (const TreeWalk::Entry* entry = walk.next()) {
      work_.patience.check();  // also of those that are left out
      if (options_.ignored && options_.ignored(entry->path, isDirectory(entry->status))) {
        walk.stayOut();
        continue;
      }
      const std::string inner = name.empty() ? entry->path : name + '/' + entry->path;
      if (isDirectory(entry->status))
        addDirectory(inner, entry->status);
      else
        addFile(entry->directory, entry->name, inner, entry->status);
    }
    done_.skipped += static_cast<std::int64_t>(walk.passedOver());
  }

 private:
  void addDirectory(const std::string& name, const struct stat& status) {
    requireUnpackable(name);
    count();
    writer_.addDirectory(name, status);
  }

  void addFile(int directory, const char* name, const std::string& inner, const struct stat& met) {
    if (S_ISLNK(met.st_mode) && options_.links) return addLink(directory, name, inner, met);
    if (!isRegular(met)) return skip();
    requireUnpackable(inner);
    requireKeptByZip(inner);
    const Descriptor file = openBeneath(directory, name, O_RDONLY, Links::kNone);
    if (!file && (errno == ENOENT || errno == ELOOP)) return skip();
    if (!file) refuseErrno(errno, '/' + inner);
    const struct stat status = statusOf(file.get());
    if (!isRegular(status)) return skip();
    if (status.st_size > work_.limits.bytes - done_.bytes)
      throw Refusal("FILE_TOO_LARGE", "more than " + std::to_string(work_.limits.bytes) +
                                          " bytes would be archived, at '/" + inner +
                                          "'; archive less, or see that limits.disk leaves more");
    countHoles(status, inner);
    count();
    const std::int64_t before = writer_.stored();
    writer_.addFile(inner, status, file.get(), [this](std::size_t bytes) {
      done_.bytes += static_cast<std::int64_t>(bytes);
      tell();
    });
    done_.taken += takenBy(status, writer_.stored() - before);
  }

  void addLink(int directory, const char* name, const std::string& inner,
               const struct stat& status) {
    std::array<char, CheckedPath::kLongest> target{};
    const ssize_t size = ::readlinkat(directory, name, target.data(), target.size());
    if (size <= 0) return skip();
    count();
    writer_.addSymlink(inner, status, std::string(target.data(), static_cast<std::size_t>(size)));
  }

  /// What unpack() would refuse is not packed.
  void requireUnpackable(const std::string& name) const {
    const std::string begin = "'/" + name.substr(0, 200) + "' cannot be archived: it ";
    if (static_cast<std::size_t>(std::count(name.begin(), name.end(), '/')) >= work_.limits.depth)
      throw Refusal("INVALID_PAYLOAD", begin + "lies deeper than " +
                                           std::to_string(work_.limits.depth) +
                                           " levels; archive what is in it by itself");
    if (!options_.links && name.size() >= CheckedPath::kLongest)
      throw Refusal("INVALID_PAYLOAD", begin + "has a path of more than " +
                                           std::to_string(CheckedPath::kLongest) +
                                           " bytes; archive what is in it by itself");
  }

  /// In a zip a backslash in a path without any slash is read as one, by libarchive too.
  void requireKeptByZip(const std::string& name) const {
    if (!options_.zip || name.find('\\') == std::string::npos ||
        name.find('/') != std::string::npos)
      return;
    throw Refusal("INVALID_PAYLOAD", "'/" + name +
                                         "' cannot be archived as a zip, which would turn the "
                                         "backslash in its name into a slash; archive it as tar, "
                                         "tar.gz or tar.zst, or rename it");
  }

  /// A file of any length can be made of nothing, and its holes are passed on like bytes.
  void countHoles(const struct stat& status, const std::string& name) {
    const std::int64_t taken = static_cast<std::int64_t>(status.st_blocks) * 512;
    const std::int64_t holes = std::max<std::int64_t>(0, status.st_size - taken);
    if (holes > work_.limits.holes - holes_)
      throw Refusal("FILE_TOO_LARGE", "'/" + name.substr(0, 200) +
                                          "' cannot be archived: it says that it holds " +
                                          std::to_string(status.st_size) + " bytes and takes " +
                                          std::to_string(taken) + " on the disk, and holes of " +
                                          std::to_string(work_.limits.holes) +
                                          " bytes in all are archived; delete it, or leave it out");
    holes_ += holes;
  }

  void skip() { ++done_.skipped; }

  void count() {
    if (++done_.entries > work_.limits.entries)
      throw Refusal("FILE_TOO_LARGE", "more than " + std::to_string(work_.limits.entries) +
                                          " entries would be archived; archive less at a time");
    tell();
  }

  void tell() const {
    work_.patience.check();
    work_.progress({.entries = done_.entries, .bytes = done_.bytes});
  }

  const ServerRoot& root_;
  ArchiveWriter& writer_;
  const ArchiveWork& work_;
  const PackOptions& options_;
  Archived& done_;
  std::int64_t holes_ = 0;  ///< in the files so far
};

}  // namespace

void pack(const ServerRoot& root, const CheckedPath& path, const std::string& name,
          ArchiveWriter& writer, const ArchiveWork& work, const PackOptions& options,
          Archived& done) {
  Packing(root, writer, work, options, done).add(path, name);
}

}  // namespace agent::files

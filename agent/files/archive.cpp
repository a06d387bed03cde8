#include "agent/files/archive.h"

#include <fcntl.h>

#include <cerrno>

#include "agent/files/merge.h"
#include "agent/files/staging.h"
#include "agent/files/tree.h"
#include "agent/files/unpack.h"

namespace agent::files {
namespace {

/// Adds what paths lead to to an archive.
class Packing {
 public:
  Packing(const ServerRoot& root, ArchiveWriter& writer, const ArchiveWork& work)
      : root_(root), writer_(writer), work_(work) {}

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
      const std::string inner = name.empty() ? entry->path : name + '/' + entry->path;
      if (isDirectory(entry->status))
        addDirectory(inner, entry->status);
      else
        addFile(entry->directory, entry->name, inner, entry->status);
    }
    done.skipped += static_cast<std::int64_t>(walk.passedOver());
  }

  Archived done{};

 private:
  void addDirectory(const std::string& name, const struct stat& status) {
    count();
    writer_.addDirectory(name, status);
  }

  void addFile(int directory, const char* name, const std::string& inner, const struct stat& met) {
    if (!isRegular(met)) return skip();
    const Descriptor file = openBeneath(directory, name, O_RDONLY, Links::kNone);
    if (!file && (errno == ENOENT || errno == ELOOP)) return skip();
    if (!file) refuseErrno(errno, '/' + inner);
    const struct stat status = statusOf(file.get());
    if (!isRegular(status)) return skip();
    if (status.st_size > work_.limits.bytes - done.bytes)
      throw Refusal("FILE_TOO_LARGE", "more than " + std::to_string(work_.limits.bytes) +
                                          " bytes would be archived, at '/" + inner + '\'');
    count();
    writer_.addFile(inner, status, file.get(), [this](std::size_t bytes) {
      done.bytes += static_cast<std::int64_t>(bytes);
      tell();
    });
  }

  void skip() { ++done.skipped; }

  void count() {
    if (++done.entries > work_.limits.entries)
      throw Refusal("FILE_TOO_LARGE", "more than " + std::to_string(work_.limits.entries) +
                                          " entries would be archived");
    tell();
  }

  void tell() const {
    work_.patience.check();
    work_.progress({.entries = done.entries, .bytes = done.bytes});
  }

  const ServerRoot& root_;
  ArchiveWriter& writer_;
  const ArchiveWork& work_;
};

std::string nameIn(const CheckedPath& directory, const CheckedPath& path) {
  if (!path.isIn(directory))
    throw Refusal("INVALID_PAYLOAD", '\'' + path.shown() + "' is not in '" + directory.shown() +
                                         "', to which the archive's names are relative");
  if (path == directory) return {};
  return path.shown().substr(directory.isRoot() ? 1 : directory.shown().size() + 1);
}

}  // namespace

Archived createArchive(const ServerRoot& root, const CheckedPath& directory,
                       const std::vector<CheckedPath>& paths, const CheckedPath& to,
                       ArchiveFormat format, const PutOptions& options, const ArchiveWork& work) {
  checkTarget(root, to, options, false);
  NewFile file(root, to);
  std::int64_t size = 0;
  ArchiveWriter writer(format, [&](const void* bytes, std::size_t count) {
    writeAll(file.fd(), bytes, count, size, to.shown());
    size += static_cast<std::int64_t>(count);
  });
  Packing packing(root, writer, work);
  for (const CheckedPath& path : paths) packing.add(path, nameIn(directory, path));
  writer.finish();
  file.putAt(placeFor(root, to, options), options.overwrite);
  packing.done.size = size;
  return packing.done;
}

Archived extractArchive(const ServerRoot& root, const CheckedPath& from,
                        const CheckedPath& directory, const PutOptions& options,
                        const ArchiveWork& work) {
  const Descriptor file = root.file(from);
  if (!directory.isRoot()) {
    struct stat there {};
    Descriptor above = root.openAbove(directory);
    const bool occupied = above && statusIn(above.get(), directory.name().c_str(), there);
    if (occupied && !isDirectory(there)) refuseErrno(ENOTDIR, directory.shown());
    if (!above && errno != ENOENT) refuseErrno(errno, directory.shown());
  }
  NewTree tree(root, from);
  const Archived done =
      unpack(file.get(), from.shown(), tree.fd(), work,
             [&root](int fd, const ArchiveEntry& entry) { root.dressNew(fd, entry.permissions); });
  if (!directory.isRoot()) root.makeDirectories(directory);
  merge(tree.fd(), root.directory(directory).get(), options.overwrite, directory.shown());
  return done;
}

}  // namespace agent::files

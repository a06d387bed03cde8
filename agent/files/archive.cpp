#include "agent/files/archive.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "agent/files/merge.h"
#include "agent/files/pack.h"
#include "agent/files/staging.h"
#include "agent/files/unpack.h"

namespace agent::files {
namespace {

std::string nameIn(const CheckedPath& directory, const CheckedPath& path) {
  assert(path.isIn(directory));
  if (path == directory) return {};
  return path.shown().substr(directory.isRoot() ? 1 : directory.shown().size() + 1);
}

/// Without those that lie in another of them, which are archived with it.
std::vector<CheckedPath> outermost(const std::vector<CheckedPath>& paths) {
  std::vector<CheckedPath> kept;
  for (const CheckedPath& path : paths) {
    const auto holds = [&path](const CheckedPath& other) { return path.isIn(other); };
    if (std::any_of(kept.begin(), kept.end(), holds)) continue;
    std::erase_if(kept, [&path](const CheckedPath& other) { return other.isIn(path); });
    kept.push_back(path);
  }
  return kept;
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
  Archived done;
  for (const CheckedPath& path : outermost(paths))
    pack(root, path, nameIn(directory, path), writer, work, {.zip = format == ArchiveFormat::kZip},
         done);
  writer.finish();
  if (!work.limits.allowRatio(writer.stored(), size))
    throw Refusal("FILE_TOO_LARGE",
                  "what is to be archived becomes so small that extract_archive would refuse '" +
                      to.shown() + "' as an archive bomb; archive it as a .tar");
  file.putAt(placeFor(root, to, options), options.overwrite);
  done.size = size;
  return done;
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
      unpack(file.get(), from.shown(), tree.fd(), work, [&root](int fd, const ArchiveEntry& entry) {
        const bool holds = entry.type == ArchiveEntry::Type::kDirectory;
        // An agent that is not root could not move it.
        const mode_t least = holds && ::geteuid() != 0 ? S_IRWXU : 0;
        root.dressNew(fd, entry.permissions | least);
      });
  if (!directory.isRoot()) root.makeDirectories(directory);
  merge(tree.fd(), root.directory(directory).get(), options.overwrite, directory.shown());
  return done;
}

}  // namespace agent::files

#include "agent/files/merge.h"

#include <stdio.h>

#include <cerrno>
#include <vector>

#include "agent/files/archive.h"
#include "agent/files/server_root.h"
#include "agent/files/staging.h"
#include "agent/files/tree.h"

namespace agent::files {
namespace {

std::string below(const std::string& shown, const std::string& name) {
  return shown == "/" ? shown + name : shown + '/' + name;
}

std::vector<std::string> namesIn(int directory, const std::string& shown) {
  std::vector<std::string> names;
  const int error = forEachName(directory, [&names](const char* name) {
    names.emplace_back(name);
    return true;
  });
  if (error != 0) refuseErrno(error, shown);
  return names;
}

Descriptor enter(int directory, const std::string& name, const std::string& shown) {
  Descriptor opened = openDirectoryIn(directory, name.c_str());
  if (!opened) refuseErrno(errno, shown);
  return opened;
}

/// What was done with a name, so that it can be taken back.
struct Placed {
  enum class How { kMoved, kExchanged, kJoined };
  std::string name;
  How how;
  std::vector<Placed> inner{};  ///< of directories that were joined
};

/// The directories of both sides are open on the way down. An archive is no deeper than
/// ArchiveLimits::depth, but the server can move deeper trees into what was unpacked.
class Merge {
 public:
  explicit Merge(bool overwrite) : overwrite_(overwrite) {}

  void check(int from, int to, const std::string& shown, std::size_t depth = 0) {
    requireShallow(shown, depth);
    for (const std::string& name : namesIn(from, shown)) {
      struct stat there {};
      if (!statusIn(to, name.c_str(), there)) continue;
      struct stat coming {};
      if (!statusIn(from, name.c_str(), coming)) continue;
      const std::string inner = below(shown, name);
      if (isDirectory(coming) && !isDirectory(there)) refuseErrno(ENOTDIR, inner);
      if (!isDirectory(coming) && isDirectory(there)) refuseErrno(EISDIR, inner);
      if (!isDirectory(coming) && !overwrite_) refuseErrno(EEXIST, inner);
      if (isDirectory(coming))
        check(enter(from, name, inner).get(), enter(to, name, inner).get(), inner, depth + 1);
    }
  }

  void move(int from, int to, const std::string& shown, std::vector<Placed>& placed,
            std::size_t depth = 0) {
    requireShallow(shown, depth);
    for (const std::string& name : namesIn(from, shown)) {
      const std::string inner = below(shown, name);
      if (rename(from, to, name, RENAME_NOREPLACE)) {
        placed.push_back({name, Placed::How::kMoved});
        continue;
      }
      if (errno != EEXIST) refuseErrno(errno, inner);
      struct stat coming {};
      if (statusIn(from, name.c_str(), coming) && isDirectory(coming)) {
        placed.push_back({name, Placed::How::kJoined});
        move(enter(from, name, inner).get(), enter(to, name, inner).get(), inner,
             placed.back().inner, depth + 1);
        continue;
      }
      if (!rename(from, to, name, RENAME_EXCHANGE)) refuseErrno(errno, inner);
      placed.push_back({name, Placed::How::kExchanged});
      // One that came between the check and now must not go with what was unpacked.
      if (statusIn(from, name.c_str(), coming) && isDirectory(coming)) refuseErrno(EISDIR, inner);
    }
    syncDirectory(to);
  }

  /// Returns how many stay where they are.
  static std::size_t takeBack(int from, int to, const std::vector<Placed>& placed) {
    std::size_t stay = 0;
    for (auto one = placed.rbegin(); one != placed.rend(); ++one) {
      if (one->how == Placed::How::kJoined) {
        const Descriptor source = openDirectoryIn(from, one->name.c_str());
        const Descriptor target = openDirectoryIn(to, one->name.c_str());
        stay += source && target ? takeBack(source.get(), target.get(), one->inner)
                                 : countOf(one->inner);
      } else if (!rename(to, from, one->name,
                         one->how == Placed::How::kMoved ? RENAME_NOREPLACE : RENAME_EXCHANGE)) {
        ++stay;
      }
    }
    syncDirectory(to);
    return stay;
  }

 private:
  static bool rename(int from, int to, const std::string& name, unsigned flags) {
    return ::renameat2(from, name.c_str(), to, name.c_str(), flags) == 0;
  }

  static std::size_t countOf(const std::vector<Placed>& placed) {
    std::size_t count = 0;
    for (const Placed& one : placed)
      count += one.how == Placed::How::kJoined ? countOf(one.inner) : 1;
    return count;
  }

  static void requireShallow(const std::string& shown, std::size_t depth) {
    const std::size_t deepest = ArchiveLimits{}.depth;
    if (depth > deepest)
      throw Refusal("INVALID_PAYLOAD",
                    '\'' + shown + "' lies deeper than " + std::to_string(deepest) + " levels");
  }

  const bool overwrite_;
};

}  // namespace

void merge(int from, int to, bool overwrite, const std::string& shown) {
  Merge merging(overwrite);
  merging.check(from, to, shown);
  std::vector<Placed> placed;
  try {
    merging.move(from, to, shown, placed);
  } catch (const Refusal& refusal) {
    const std::size_t stay = Merge::takeBack(from, to, placed);
    if (stay == 0) throw;
    throw Refusal(refusal.code(), refusal.message() + "; " + std::to_string(stay) +
                                      " entries that were in place already stay there, because "
                                      "they cannot be moved back");
  }
}

}  // namespace agent::files

#include "agent/files/merge.h"

#include <stdio.h>

#include <cerrno>
#include <vector>

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

/// The directories of both sides are open on the way down. An archive is 64 deep at most, but the
/// server can move deeper trees into what was unpacked.
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

  void move(int from, int to, const std::string& shown, std::size_t depth = 0) {
    requireShallow(shown, depth);
    for (const std::string& name : namesIn(from, shown)) {
      const std::string inner = below(shown, name);
      if (::renameat2(from, name.c_str(), to, name.c_str(), RENAME_NOREPLACE) == 0) continue;
      if (errno != EEXIST) refuseErrno(errno, inner);
      struct stat coming {};
      if (statusIn(from, name.c_str(), coming) && isDirectory(coming)) {
        move(enter(from, name, inner).get(), enter(to, name, inner).get(), inner, depth + 1);
      } else if (::renameat2(from, name.c_str(), to, name.c_str(), 0) != 0) {
        refuseErrno(errno, inner);
      }
    }
    syncDirectory(to);
  }

 private:
  static void requireShallow(const std::string& shown, std::size_t depth) {
    if (depth > TreeWalk::kDeepest)
      throw Refusal("INVALID_PAYLOAD", '\'' + shown + "' lies deeper than " +
                                           std::to_string(TreeWalk::kDeepest) + " levels");
  }

  const bool overwrite_;
};

}  // namespace

void merge(int from, int to, bool overwrite, const std::string& shown) {
  Merge merging(overwrite);
  merging.check(from, to, shown);
  merging.move(from, to, shown);
}

}  // namespace agent::files

#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/files/beneath.h"
#include "agent/files/patience.h"

namespace agent::files {

/// Calls `take` with each name in the directory, without "." and "..", until it returns false.
/// 0, or the error that ended it early.
int forEachName(int directory, const std::function<bool(const char* name)>& take);

using OpenDirectory = Descriptor (*)(int directory, const char* name) noexcept;

/// Removes what is in the directory. No more than a few dozen descriptors are open at any depth:
/// what lies deeper is moved up before it is emptied. 0, or the error that prevented it; ENOTEMPTY:
/// somebody fills it as fast as it is emptied.
int emptyDirectory(int directory, const Patience& patience = {},
                   OpenDirectory open = openDirectoryIn);
/// Removes a directory's name and, when it is a directory, all in it.
int removeEntry(int directory, const char* name, const Patience& patience = {});

/// Everything below a directory, each directory before what is in it. Symbolic links are met, not
/// followed. Holds a descriptor and a buffer for each of the kOpen lowest levels, whatever the
/// directories' sizes; one further up is opened anew to go on in it, and what was put in its place
/// meanwhile is not taken for it.
class TreeWalk {
 public:
  static constexpr std::size_t kDeepest = 1000;
  static constexpr std::size_t kOpen = 64;

  struct Entry {
    int directory = -1;     ///< that holds it
    const char* name = "";  ///< in it
    std::string path;       ///< from the top: "a/b"
    std::size_t depth = 0;  ///< 0: in the top
    struct stat status {};
  };
  enum class Missing {
    kRefuse,  ///< what cannot be read, or lies too deep, ends the walk with a Refusal; likewise
              ///< a directory that was moved away in the midst of it
    kCount,   ///< it is counted in passedOver()
  };

  /// `top` is borrowed. `at_root`: it is a server's root, whose staging directory is not met.
  TreeWalk(int top, bool at_root, Missing missing, std::size_t deepest = kDeepest);

  /// Null: that was all. What is returned lives until the next call.
  const Entry* next();
  /// Not to descend into the directory that next() returned.
  void stayOut() { descend_ = false; }
  std::size_t passedOver() const noexcept { return passed_over_; }

 private:
  struct Level {
    std::unique_ptr<DIR, int (*)(DIR*)> stream;  ///< none: closed for now
    std::size_t path_size;
    struct stat status;
    long position = 0;  ///< in what is closed
  };

  bool enter(Descriptor directory, std::size_t path_size);
  bool goOnIn(Level& level);
  void descend();
  void passOver(int error);

  const bool at_root_;
  const Missing missing_;
  const std::size_t deepest_;
  Descriptor top_;
  std::vector<Level> levels_{};
  Entry entry_{};
  bool descend_ = false;
  std::size_t passed_over_ = 0;
};

}  // namespace agent::files

#pragma once

#include <string>

#include <libcontrol/result.h>

namespace control::conform {

/// The suite's own folder, in TMPDIR or /tmp. It is gone with the run, however that ends: both
/// processes remove it.
///
/// Threads: any method may run on any thread.
class Scratch {
 public:
  /// Call once, before the suite's process is made. kInvalidArgument: there can be none.
  static Result<void> make();
  static void remove() noexcept;
};

/// A folder in it, for as long as this lives.
class ScratchFolder {
 public:
  enum class For { kFiles, kSocket };

  /// Everybody may look into one for files. The path of one for a socket is short, and the folder
  /// is ours alone. Throws std::runtime_error when it cannot be made.
  explicit ScratchFolder(For what = For::kFiles);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace control::conform

#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/files/tree.h"

namespace agent {

/// Adds up what a directory's files take on disk, a few entries at a time. Holds one descriptor and
/// one buffer a level, whatever there is in it. A file with several hard links counts for each:
/// remembering which were met would take memory for all of them.
///
/// Threads: one at a time. Errors: files::Refusal from the constructor. What cannot be read, lies
/// on another mount or deeper than kDeepest is not counted.
class DiskScan {
 public:
  static constexpr std::size_t kDeepest = 256;

  /// `directory` is borrowed until the constructor returns.
  explicit DiskScan(int directory)
      : walk_(directory, false, files::TreeWalk::Missing::kCount, kDeepest) {}

  /// Counts at most `most` more. False: that was all.
  bool step(std::size_t most);
  std::int64_t bytes() const noexcept { return bytes_; }
  std::size_t entries() const noexcept { return entries_; }

 private:
  files::TreeWalk walk_;
  std::int64_t bytes_ = 0;
  std::size_t entries_ = 0;
};

}  // namespace agent

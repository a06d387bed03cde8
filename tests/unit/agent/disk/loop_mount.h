#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace agent {

/// A file system of its own in a file, mounted where no other process sees it.
class LoopMount {
 public:
  /// Why there can be none here: what `reason` says then.
  static std::unique_ptr<LoopMount> make(const std::string& type,
                                         const std::vector<std::string>& mkfs_options,
                                         const std::string& mount_options, std::string& reason);
  ~LoopMount();
  LoopMount(const LoopMount&) = delete;
  LoopMount& operator=(const LoopMount&) = delete;

  std::string path() const { return directory_.path("mounted"); }

 private:
  LoopMount() = default;

  const test_support::TempDir directory_;
  bool mounted_ = false;
};

}  // namespace agent

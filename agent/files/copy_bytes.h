#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "agent/files/patience.h"

namespace agent::files {

struct CopyWork {
  Patience patience{};
  std::int64_t room = INT64_MAX;  ///< what it may take on the disk
  /// Told before so many bytes are written; may refuse.
  std::function<void(std::int64_t bytes)> before_writing = [](std::int64_t) {};
};

/// Copies a regular file's content: shared blocks where the file system can (reflink), else in the
/// kernel, else through memory. Holes stay holes. Returns its bytes.
std::int64_t copyBytes(int from, int to, const std::string& shown, const CopyWork& work);

}  // namespace agent::files

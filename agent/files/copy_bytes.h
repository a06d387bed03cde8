#pragma once

#include <cstdint>
#include <string>

#include "agent/files/change.h"

namespace agent::files {

/// Copies a regular file's content: shared blocks where the file system can (reflink), else in the
/// kernel, else through memory. Holes stay holes. Returns its bytes.
std::int64_t copyBytes(int from, int to, const std::string& shown, const CopyWork& work);

}  // namespace agent::files

#pragma once

#include <string>

namespace agent::files {

/// Moves everything in the directory `from` to `to`, on the same file system: directories join,
/// files take the place of files. All that can be refused is refused before the first is moved:
/// FILE_EXISTS (something is there and not to be replaced), IS_A_DIRECTORY and NOT_A_DIRECTORY (one
/// is a directory and the other is not). What fails later is taken back. Files that were replaced
/// are in `from` then. `shown` names `to`.
void merge(int from, int to, bool overwrite, const std::string& shown);

}  // namespace agent::files

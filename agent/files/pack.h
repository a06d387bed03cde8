#pragma once

#include <functional>
#include <string>

#include "agent/files/archive.h"

namespace agent::files {

struct PackOptions {
  bool links = false;  ///< symbolic links are archived as what they are; else skipped
  bool zip = false;    ///< names that a zip does not keep are refused
  /// Not to be archived; a directory with all in it. `path` is from the server's directory.
  std::function<bool(const std::string& path, bool directory)> ignored{};
};

/// Adds `path` with all in it to an archive, under `name`; empty: what is in it, by its own names.
/// Counts in `done`.
void pack(const ServerRoot& root, const CheckedPath& path, const std::string& name,
          ArchiveWriter& writer, const ArchiveWork& work, const PackOptions& options,
          Archived& done);

}  // namespace agent::files

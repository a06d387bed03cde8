#pragma once

#include <string>

namespace agent::files {

/// Whether the glob of a backup's `ignore` leaves `path`, from the server's directory, out. With a
/// slash it matches the path, without one any name; one that ends with a slash, directories only.
bool isIgnored(const std::string& glob, const std::string& path, bool directory);

}  // namespace agent::files

#pragma once

#include <string>

namespace agent::files {

/// Whether something is mounted on that entry of the directory or below it, as this thread sees it.
bool hasMounts(int directory, const std::string& name);

}  // namespace agent::files

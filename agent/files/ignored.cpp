#include "agent/files/ignored.h"

#include <fnmatch.h>

namespace agent::files {

bool isIgnored(const std::string& glob, const std::string& path, bool directory) {
  std::string pattern = glob;
  if (pattern.ends_with('/')) {
    if (!directory) return false;
    pattern.pop_back();
  }
  const bool anchored = pattern.find('/') != std::string::npos;
  if (pattern.starts_with('/')) pattern.erase(0, 1);
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return ::fnmatch(pattern.c_str(), (anchored ? path : name).c_str(),
                   anchored ? FNM_PATHNAME : 0) == 0;
}

}  // namespace agent::files

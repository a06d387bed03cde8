#include "agent/files/mounts.h"

#include <mntent.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdio>
#include <memory>
#include <string_view>

namespace agent::files {
namespace {

std::string pathOf(int directory) {
  std::array<char, PATH_MAX> path{};
  const std::string link = "/proc/thread-self/fd/" + std::to_string(directory);
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  return length <= 0 ? std::string() : std::string(path.data(), static_cast<std::size_t>(length));
}

}  // namespace

bool hasMounts(int directory, const std::string& name) {
  const std::string place = pathOf(directory) + '/' + name;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> table(
      ::setmntent("/proc/thread-self/mounts", "re"), ::endmntent);
  mntent mount{};
  std::array<char, 4 * PATH_MAX> text{};
  while (table && ::getmntent_r(table.get(), &mount, text.data(), text.size()) != nullptr) {
    const std::string_view point = mount.mnt_dir;
    if (point == place || point.starts_with(place + '/')) return true;
  }
  return false;
}

}  // namespace agent::files

#include "agent/files/mounts.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <fstream>
#include <sstream>
#include <string_view>

namespace agent::files {
namespace {

std::string pathOf(int directory) {
  std::array<char, PATH_MAX> path{};
  const std::string link = "/proc/thread-self/fd/" + std::to_string(directory);
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  return length <= 0 ? std::string() : std::string(path.data(), static_cast<std::size_t>(length));
}

/// The kernel writes blanks, line ends and backslashes as a backslash and three octal digits.
std::string unescaped(std::string_view text) {
  const auto isOctal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view digits = text.substr(i + 1, 3);
    if (text[i] != '\\' || digits.size() < 3 ||
        !std::all_of(digits.begin(), digits.end(), isOctal)) {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>(std::stoi(std::string(digits), nullptr, 8));
    i += 3;
  }
  return plain;
}

}  // namespace

bool hasMounts(int directory, const std::string& name) {
  const std::string place = pathOf(directory) + '/' + name;
  std::ifstream mounts("/proc/thread-self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    fields >> id >> parent >> device >> root >> point;
    point = unescaped(point);
    if (point == place || point.starts_with(place + '/')) return true;
  }
  return false;
}

}  // namespace agent::files

#include "agent/files/temporary_name.h"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

#include "agent/files/tree.h"

namespace agent::files {
namespace {

constexpr std::size_t kHalf = 16;

const std::string& ofThisProcess() {
  static const std::string digits = hexDigits(kHalf);
  return digits;
}

}  // namespace

std::string temporaryName(const std::string& prefix) {
  return prefix + ofThisProcess() + hexDigits(kHalf);
}

bool isLeftOver(std::string_view name, std::string_view prefix) {
  // Longer: what begins with another prefix that begins with this one.
  return name.size() == prefix.size() + 2 * kHalf && name.starts_with(prefix) &&
         name.substr(prefix.size(), kHalf) != ofThisProcess();
}

std::vector<std::string> namesLeftOver(int directory, std::string_view prefix) {
  std::vector<std::string> left;
  forEachName(directory, [&](const char* name) {
    if (isLeftOver(name, prefix)) left.emplace_back(name);
    return true;
  });
  return left;
}

std::string hexDigits(std::size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::vector<unsigned char> random(count / 2);
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  std::string digits;
  for (const unsigned char byte : random) {
    digits += kDigits[byte >> 4];
    digits += kDigits[byte & 15];
  }
  return digits;
}

}  // namespace agent::files

#include "contract/expected.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace control::conform {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

}  // namespace

Result<ExpectedSkips> parseExpectedSkips(std::string_view text) {
  ExpectedSkips skips;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string name(trimmed(line.substr(0, colon)));
    const std::string reason(trimmed(line.substr(std::min(colon + 1, line.size()))));
    const std::string where = "line " + std::to_string(number) + ": ";
    if (name.empty() || name.find_first_of(kBlank) != std::string::npos || reason.empty())
      return Error::invalid(where + "expected `behaviour: reason`, found '" + std::string(line) +
                            "'");
    if (!skips.emplace(name, reason).second)
      return Error::invalid(where + name + " stands there twice");
  }
  return skips;
}

Result<ExpectedSkips> readExpectedSkips(const std::string& file) {
  // Folders can be opened as well.
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    return Error::invalid("cannot read " + file +
                          ": it is a directory; expected a file with lines of `behaviour: reason`");
  std::ifstream stream(file);
  std::stringstream text;
  text << stream.rdbuf();
  if (!stream) return Error::invalid("cannot read " + file + ": " + std::strerror(errno));
  auto skips = parseExpectedSkips(text.str());
  if (!skips) skips.error().message.insert(0, file + ": ");
  return skips;
}

}  // namespace control::conform

#include "mock/mock_endpoint.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include "mock/mock_error.h"

namespace control::mock {
namespace {

constexpr std::size_t kLargestScenario = 1 << 20;

bool isNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

bool isEngineName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), isNameChar);
}

Result<std::string> readFile(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return Error::invalid("cannot read the scenario file " + path + ": " + std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    return Error::invalid("the scenario file " + path + " is not a file");
  std::ifstream file(path, std::ios::binary);
  std::string text(kLargestScenario + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad() || !(file || file.eof()) || (text.empty() && status.st_size > 0))
    return Error::invalid("cannot read the scenario file " + path);
  if (text.size() > kLargestScenario)
    return Error::invalid("the scenario file " + path + " is larger than 1 MiB");
  return text;
}

Result<void> readPath(const Endpoint& endpoint, Wanted& wanted) {
  if (!endpoint.path.ends_with(".json")) {
    wanted.name = endpoint.path.substr(1);
    if (wanted.name.empty())
      return Error::invalid(
          "the mock engine needs a name or a scenario file: use mock:///default or "
          "mock:///path/scenario.json");
    if (!isEngineName(wanted.name))
      return Error::invalid(
          "mock engine name '" + wanted.name +
          "': use letters, digits, '_', '-' and '.', as mock:///default; a scenario "
          "file ends in .json");
    return {};
  }
  wanted.scenario_path = endpoint.path;
  const auto text = readFile(endpoint.path);
  if (!text) return text.error();
  auto scenario = readScenario(*text);
  if (!scenario)
    return Error::invalid("scenario " + endpoint.path + ": " + scenario.error().message);
  wanted.clock = scenario->clock;
  wanted.seed = scenario->seed;
  wanted.profile = scenario->profile;
  wanted.scenario = std::make_shared<const Scenario>(std::move(*scenario));
  return {};
}

Result<void> readQuery(const Endpoint& endpoint, Wanted& wanted) {
  for (const auto& [key, value] : endpoint.query) {
    if (key == "clock") {
      if (!isClockWord(value))
        return Error::invalid("clock=" + value + ": use " + std::string(kClockWords));
      wanted.clock = value;
    } else if (key == "profile") {
      wanted.profile = findProfile(value);
      if (wanted.profile == nullptr)
        return Error::invalid("profile=" + value + ": use one of " + knownProfiles());
    } else if (key == "name") {
      if (wanted.scenario_path.empty())
        return Error::invalid("name=" + value +
                              " is for scenario files: the path is the name here");
      if (!isEngineName(value))
        return Error::invalid("name=" + value + ": use letters, digits, '_', '-' and '.'");
      wanted.name = value;
    } else {
      std::uint64_t number = 0;
      const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (failed != std::errc{} || end != value.data() + value.size())
        return Error::invalid("seed=" + value +
                              ": use a whole number from 0 to 18446744073709551615");
      wanted.seed = number;
    }
  }
  return {};
}

}  // namespace

Result<Wanted> readEndpoint(const Endpoint& endpoint) {
  if (!endpoint.host.empty() || !endpoint.transport.empty())
    return Error::invalid("the mock engine is in this process: use mock:///default");
  if (auto known = endpoint.requireKnownQuery(kQueryKeys); !known) return known.error();
  Wanted wanted;
  if (auto read = readPath(endpoint, wanted); !read) return read.error();
  if (auto read = readQuery(endpoint, wanted); !read) return read.error();
  return wanted;
}

}  // namespace control::mock

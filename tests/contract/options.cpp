#include "contract/options.h"

#include <fnmatch.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <set>
#include <string_view>

namespace control::conform {

const char* const kUsage =
    R"(control-conform runs the behaviours that every engine of libcontrol must show.

  control-conform --runtime URI [options]

  --runtime URI     the engine, as docker:///run/docker.sock or mock:///default?clock=virtual
  --plugin FILE     the plugin to load instead of the installed one
  --image REF       an image with /bin/sh and busybox's commands (default control-test:latest)
  --pullable REF    an image that the engine can pull without credentials; it is removed before
                    and after
  --expect FILE     the skips that are known, lines of `behaviour: reason`
                    (default: the installed list of that engine)
  --fixtures DIR    the broken plugins for the loader's behaviours (default: the installed ones)
  --junit FILE      writes the results as JUnit XML
  --filter PATTERN  only these, as stop_*:kill_* or -pull_*
  --limit SECONDS   a behaviour that takes longer fails and ends the run (default 120)
  --list            prints the behaviours, with --filter only those: group, name, MUST or SHOULD,
                    what it needs
  --version, --help

Exit code 0: all that ran passed, and every skip is on the list. 1: not so. 2: it could not run.
)";

namespace {

Error misused(std::string message) {
  return {.code = ErrorCode::kInvalidArgument, .message = std::move(message)};
}

struct TextOption {
  std::string_view name;
  std::string Options::*member;
  bool is_path;
};
constexpr std::array<TextOption, 9> kTexts{{{"--runtime", &Options::runtime, false},
                                            {"--plugin", &Options::plugin, true},
                                            {"--junit", &Options::junit, true},
                                            {"--expect", &Options::expect, true},
                                            {"--fixtures", &Options::fixtures, true},
                                            {"--image", &Options::image, false},
                                            {"--pullable", &Options::pullable, false},
                                            {"--filter", &Options::filter, false},
                                            {"--limit", &Options::limit_text, false}}};

struct Flag {
  std::string_view name;
  bool Options::*member;
};
constexpr std::array<Flag, 3> kFlags{
    {{"--list", &Options::list}, {"--help", &Options::help}, {"--version", &Options::version}}};

/// GoogleTest's filters are over Group.behaviour; people write behaviours.
std::string overFullNames(const std::string& filter) {
  std::string full;
  for (std::size_t begin = 0; begin <= filter.size();) {
    const std::size_t end = std::min(filter.find_first_of(":-", begin), filter.size());
    std::string part = filter.substr(begin, end - begin);
    if (!part.empty() && part.find('.') == std::string::npos) part.insert(0, "*.");
    full += part;
    if (end < filter.size()) full += filter[end];
    begin = end + 1;
  }
  return full;
}

bool matchesAny(std::string_view patterns, const std::string& name) {
  while (!patterns.empty()) {
    const std::size_t end = std::min(patterns.find(':'), patterns.size());
    if (::fnmatch(std::string(patterns.substr(0, end)).c_str(), name.c_str(), 0) == 0) return true;
    patterns.remove_prefix(std::min(end + 1, patterns.size()));
  }
  return false;
}

Result<void> understandLimit(Options& options) {
  const std::string& text = options.limit_text;
  int seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || seconds < 1 ||
      seconds > 86400)
    return misused("--limit " + text + ": expected whole seconds, 1 to 86400");
  options.limit = std::chrono::seconds(seconds);
  return {};
}

}  // namespace

/// As GoogleTest does: what stands behind the first `-` is left out.
bool Options::selects(const std::string& full_name) const {
  const std::string_view all = filter;
  const std::size_t minus = std::min(all.find('-'), all.size());
  const std::string_view without = all.substr(std::min(minus + 1, all.size()));
  return (minus == 0 || matchesAny(all.substr(0, minus), full_name) || all.empty()) &&
         !matchesAny(without, full_name);
}

Result<Options> Options::parse(int count, const char* const* arguments) {
  Options options;
  std::set<std::string_view> given;
  const auto setText = [&](const TextOption& option, std::string value) -> Result<void> {
    if (value.empty()) return misused(std::string(option.name) + " needs a value");
    if (!given.insert(option.name).second)
      return misused(std::string(option.name) + " is given twice");
    std::error_code error;
    if (option.is_path) value = std::filesystem::absolute(value, error).string();
    if (error)
      return misused(std::string(option.name) +
                     " needs an absolute path: the working directory: " + error.message());
    options.*option.member = std::move(value);
    return {};
  };
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    bool known = false;
    for (const Flag& flag : kFlags)
      if (argument == flag.name) known = options.*flag.member = true;
    for (const TextOption& option : kTexts) {
      if (argument == option.name) {
        known = true;
        const bool has_value =
            i + 1 < count && !std::string_view(arguments[i + 1]).starts_with("--");
        if (auto set = setText(option, has_value ? arguments[++i] : ""); !set) return set.error();
      } else if (argument.starts_with(option.name) && argument[option.name.size()] == '=') {
        known = true;
        if (auto set = setText(option, std::string(argument.substr(option.name.size() + 1))); !set)
          return set.error();
      }
    }
    if (!known) return misused("unknown argument '" + std::string(argument) + "'; try --help");
  }
  if (auto understood = understandLimit(options); !understood) return understood.error();
  std::error_code ignored;
  if (const std::filesystem::path folder = options.fixtures;
      !folder.empty() && !std::filesystem::exists(folder / "libcontrol-good.so", ignored))
    return misused("--fixtures " + options.fixtures + ": there is no libcontrol-good.so in it");
  if (!options.filter.empty()) options.filter = overFullNames(options.filter);
  if (options.runtime.empty() && !options.list && !options.help && !options.version)
    return misused("--runtime is missing, as --runtime docker:///run/docker.sock; try --help");
  return options;
}

}  // namespace control::conform

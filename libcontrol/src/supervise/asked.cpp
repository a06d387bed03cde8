#include "supervise/asked.h"

#include <algorithm>
#include <filesystem>
#include <string>

#include "supervise/console_input.h"

namespace control {
namespace {

constexpr std::size_t kLeastConsoleBytes = 16 * 1024;
constexpr Duration kLeastEngineTimeout = std::chrono::milliseconds(100);
constexpr Duration kLeastRelistInterval = std::chrono::seconds(1);

}  // namespace

SupervisorOptions usable(SupervisorOptions options) {
  options.queue_limit = std::max<std::size_t>(options.queue_limit, 1);
  options.engine_timeout = std::max<Duration>(options.engine_timeout, kLeastEngineTimeout);
  options.relist_interval = std::max<Duration>(options.relist_interval, kLeastRelistInterval);
  if (options.console_bytes != 0)
    options.console_bytes = std::max(options.console_bytes, kLeastConsoleBytes);
  for (std::string* path : {&options.state_file, &options.console_directory})
    if (!path->empty()) *path = std::filesystem::absolute(*path);
  return options;
}

Result<void> checkPolicies(const EntrySpec& spec) {
  if (const std::string text = spec.restart.toText(); !RestartPolicy::parse(text))
    return Error::invalid("restart policy '" + text +
                          "': use at least 0 retries, and times from 0 to a year");
  for (const StopLadder::Rung& rung : spec.stop_ladder.rungs)
    if (const auto line = ConsoleInput::check(rung.command); !line)
      return Error::invalid("stop ladder: a command " + line.error().message);
  if (const std::string text = spec.stop_ladder.toText(); !StopLadder::parse(text))
    return Error::invalid("stop ladder '" + text +
                          "': use signals from 1 to 64, and times from 0 to a year");
  return {};
}

}  // namespace control

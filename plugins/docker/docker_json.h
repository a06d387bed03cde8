#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/result.h>
#include <libcontrol/stats.h>
#include <libcontrol/streams.h>
#include <libcontrol/types.h>

/// Replies of a Docker engine to what they mean. Text to struct, no I/O. Unknown fields are passed
/// over, unknown states and events kept as text; a field that must be there and is not is
/// kInternal.
namespace control::docker {

/// RFC 3339 with up to nine decimals and a zone; nullopt for anything else and for the year 1,
/// which is how the engine writes "never".
std::optional<WallTime> parseTime(std::string_view text);

/// Unix time as the engine's queries take it: seconds, a point, nine digits.
std::string unixTime(WallTime time);

ContainerState containerState(std::string_view engine_word) noexcept;

struct Inspection {
  ContainerInfo info{};
  bool stdin_once = false;  ///< the end of one attached input is the end of the container's
};
Result<Inspection> parseInspect(std::string text);

/// What waiting and statistics need of an inspection, at a tenth of the cost.
struct RunState {
  ContainerId id{};
  std::string name{};
  bool running = false;  ///< running, paused, or between two of the engine's own restarts
  std::optional<int> pid{};
  std::optional<WallTime> started_at{};
  std::optional<WallTime> finished_at{};
  std::optional<int> exit_code{};
  std::optional<bool> oom_killed{};
  bool tty = false;
  bool host_network = false;
};
Result<RunState> parseRunState(std::string text);

Result<std::vector<ContainerSummary>> parseList(std::string text);
Result<CreatedContainer> parseCreated(std::string text);
Result<ImageInfo> parseImage(std::string text);

struct WaitReply {
  int exit_code = 0;
};
Result<WaitReply> parseWait(std::string text);

/// {"Id":…} of an exec session.
Result<std::string> parseExecId(std::string text);
struct ExecState {
  bool running = false;
  std::optional<int> exit_code{};
  std::optional<int> pid{};
};
Result<ExecState> parseExecState(std::string text);

struct VersionReply {
  std::string version{};
  std::string os{};
  std::string architecture{};
  std::string kernel{};
  std::string minimum_api{};
};
Result<VersionReply> parseVersion(std::string text);
/// 1 or 2; 0 when the engine does not say.
Result<int> parseCgroupVersion(std::string info_text);

/// Nullopt: an event of something that is no container.
Result<std::optional<Event>> parseEvent(std::string line);

struct PullStep {
  PullProgress progress{};
  std::string error{};    ///< the pull failed, with these words
  bool finished = false;  ///< the last word of a pull that worked
};
Result<PullStep> parsePullStep(std::string line);

/// One answer of /stats. `taken_at` is left to the caller. kWrongState: the container does not run.
Result<StatsSample> parseStats(std::string text, const RunId& run);

}  // namespace control::docker

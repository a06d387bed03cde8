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

#include "engine/images.h"
#include "engine/reply.h"
#include "engine/run_state.h"
#include "engine/streams.h"

/// Replies of a Docker engine to what they mean. Text to struct, no I/O. Unknown fields are passed
/// over, unknown states and events kept as text; a field that must be there and is not is
/// kInternal.
namespace control::docker {

using engine::ExecState;
using engine::parseCreated;
using engine::parseExecId;
using engine::parseExecState;
using engine::parseTime;
using engine::PullStep;
using engine::RunState;
using engine::unixTime;

ContainerState containerState(std::string_view engine_word) noexcept;

struct Inspection {
  ContainerInfo info{};
  bool stdin_once = false;  ///< the end of one attached input is the end of the container's
};
Result<Inspection> parseInspect(std::string text);

/// The part of an inspection that waiting and statistics need, at a tenth of the cost.
Result<RunState> parseRunState(std::string text);

Result<std::vector<ContainerSummary>> parseList(std::string text);
using engine::parseImage;

struct WaitReply {
  int exit_code = 0;
};
Result<WaitReply> parseWait(std::string text);

struct VersionReply {
  std::string version{};
  std::string os{};
  std::string architecture{};
  std::string kernel{};
};
Result<VersionReply> parseVersion(std::string text);
/// 1 or 2; 0 when the engine does not say.
Result<int> parseCgroupVersion(std::string info_text);

/// Nullopt: an event of something that is no container.
Result<std::optional<Event>> parseEvent(std::string line);

Result<PullStep> parsePullStep(std::string line);

/// One answer of /stats. `taken_at` is left to the caller. kWrongState: the container does not run.
Result<StatsSample> parseStats(std::string text, const RunId& run);

}  // namespace control::docker

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

/// Replies of a Podman service, in the forms of version 4 and of version 5, to what they mean. Text
/// to struct, no I/O. Unknown fields are passed over, unknown states and events kept as text; a
/// field that must be there and is not is kInternal.
namespace control::podman {

ContainerState containerState(std::string_view engine_word) noexcept;

Result<ContainerInfo> parseInspect(std::string text);

struct PodmanRun : engine::RunState {
  ContainerState state = ContainerState::kUnknown;
  bool open_stdin = false;
  bool paused = false;
};
/// The part of an inspection that waiting and statistics need, at a tenth of the cost.
Result<PodmanRun> parseRunState(std::string text);

Result<std::vector<ContainerSummary>> parseList(std::string text);

ContainerSummary summaryOf(const engine::JsonValue& row);

/// A row of the list: all there is of a container that the engine's storage has lost.
struct ListedContainer {
  ContainerSummary summary{};
  PodmanRun run{};  ///< times to the second; of its terminal, input and network nothing is known
};
/// With the specification of its last inspection; without that, as much of one as the row has.
ContainerInfo infoOf(ListedContainer row, const std::optional<ContainerInfo>& last);
/// Nothing when the list has none of that full id or name.
Result<std::optional<ListedContainer>> findListed(std::string text, const std::string& id);

using Labels = std::map<std::string, std::string>;
/// Whether `labels` hold all that are wanted, those without a value with any.
bool carries(const Labels& labels, const Labels& wanted);

using engine::parseImage;

/// Of an exec session; it has an exit code once it is over, not before.
Result<engine::ExecState> parseExecState(std::string text);

/// The parts of an /info that do not change while the service runs.
struct ServiceInfo {
  std::string version{};
  std::string os{};
  std::string architecture{};
  std::string kernel{};
  int cgroup_version = 0;
  bool rootless = false;
  bool events = true;              ///< the service keeps events
  std::uint64_t memory_bytes = 0;  ///< of the host

  /// Whether it has cgroups of its own to limit and to measure with: an ordinary user has none
  /// without version 2.
  bool ownsCgroups() const { return !rootless || cgroup_version == 2; }
};
Result<ServiceInfo> parseInfo(std::string text);

/// Nullopt: an event of something that is no container. An error in place of an event, which comes
/// with the status of a success, is an Error.
Result<std::optional<Event>> parseEvent(std::string line);

Result<engine::PullStep> parsePullStep(std::string line);

/// The answer to a removal, which may report a failure as a success. Nothing: it is gone.
Result<void> parseRemoved(std::string text);

/// What the engine's statistics mean that differs between versions.
struct StatsDialect {
  bool network_swapped = false;  ///< up to 4.3 NetInput is what was sent
  bool host_network = false;     ///< the container has none of its own to count
  int cgroup_version = 0;  ///< 2: the memory in use comes without page cache; 0: it is not known
  std::uint64_t host_memory_bytes = 0;  ///< what the limit shows where there is none
};
/// One container of a /stats. `taken_at` is left to the caller. kNotFound: it is not in the answer.
Result<StatsSample> parseStats(std::string text, const RunId& run, const StatsDialect& dialect);

}  // namespace control::podman

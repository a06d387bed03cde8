#include "podman/podman_json.h"

#include <algorithm>

#include "engine/json.h"
#include "podman/podman_errors.h"

namespace control::podman {

using engine::fromUnix;
using engine::JsonDocument;
using engine::JsonValue;
using engine::missing;
using engine::strings;

bool carries(const Labels& labels, const Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& one) {
    const auto found = labels.find(one.first);
    return found != labels.end() && (one.second.empty() || found->second == one.second);
  });
}

ContainerSummary summaryOf(const JsonValue& row) {
  ContainerSummary summary{.id = {row["Id"].stringOrEmpty()},
                           .image = row["Image"].stringOrEmpty(),
                           .raw_state = row["State"].stringOrEmpty(),
                           .created_at = engine::timeIn(row["Created"]),
                           .labels = engine::stringMap(row["Labels"])};
  if (auto names = strings(row["Names"]); !names.empty()) summary.name = std::move(names.front());
  summary.state = containerState(summary.raw_state);
  return summary;
}

Result<std::vector<ContainerSummary>> parseList(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  std::vector<ContainerSummary> list;
  if (document->root().isNull()) return list;
  if (!document->root().isArray()) return missing("list");
  bool complete = true;
  document->root().forEachElement([&](const JsonValue& row) {
    list.push_back(summaryOf(row));
    complete = complete && !list.back().id.value.empty();
  });
  if (!complete) return missing("'Id'");
  return list;
}

Result<engine::ExecState> parseExecState(std::string text) {
  auto document = JsonDocument::parse(text);
  if (!document) return document.error();
  // Before and during the run the exit code reads 0.
  const bool over = document->root()["CanRemove"].isTrue();
  auto state = engine::parseExecState(std::move(text));
  if (state && (state->running || !over)) state->exit_code.reset();
  return state;
}

Result<ServiceInfo> parseInfo(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  const JsonValue host = document->root()["host"];
  if (!host.isObject()) return missing("'host'");
  ServiceInfo info{.version = document->root()["version"]["Version"].stringOrEmpty(),
                   .os = host["os"].stringOrEmpty(),
                   .architecture = host["arch"].stringOrEmpty(),
                   .kernel = host["kernel"].stringOrEmpty()};
  const std::string cgroups = host["cgroupVersion"].stringOrEmpty();
  info.cgroup_version = cgroups == "v1" ? 1 : cgroups == "v2" ? 2 : 0;
  info.rootless = host["security"]["rootless"].isTrue();
  info.events = host["eventLogger"].stringOrEmpty() != "none";
  info.memory_bytes = host["memTotal"].natural().value_or(0);
  return info;
}

Result<void> parseRemoved(std::string text) {
  if (text.empty()) return {};
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  std::string problem;
  document->root().forEachElement([&](const JsonValue& one) {
    if (const auto error = one["Err"].string(); error && !error->empty()) problem = *error;
    if (one["Err"].isObject() && problem.empty()) problem = "no reason given";
  });
  if (problem.empty()) return {};
  return Error{.code = ErrorCode::kInternal, .message = "the engine did not remove it: " + problem};
}

// ---- streams ----

namespace {

EventType eventType(std::string_view word) {
  if (word == "create") return EventType::kCreated;
  if (word == "start") return EventType::kStarted;
  if (word == "died" || word == "die") return EventType::kExited;
  if (word == "remove") return EventType::kRemoved;
  if (word == "oom") return EventType::kOom;
  if (word == "pause") return EventType::kPaused;
  if (word == "unpause") return EventType::kUnpaused;
  if (word == "rename") return EventType::kRenamed;
  if (word == "update") return EventType::kUpdated;
  if (word == "kill") return EventType::kSignalled;
  return EventType::kUnknown;
}

/// Attributes are the labels with the engine's own facts mixed in; one of those that has the
/// name of a label hides it.
void readAttributes(std::map<std::string, std::string> attributes, Event& event) {
  event.name = attributes["name"];
  // Every event carries an exit code; it is one where the container died.
  if (event.type == EventType::kExited) {
    const auto code = engine::numberIn(attributes, "containerExitCode");
    if (code && *code >= 0) event.exit_code = code;
  }
  for (const char* own : {"name", "image", "containerExitCode", "podId", "execID", "oomKilled"})
    attributes.erase(own);
  event.labels = std::move(attributes);
}

Error toldInPlace(const JsonValue& root) {
  const std::string words = root["message"].string().value_or(root["cause"].stringOrEmpty());
  return {.code = ErrorCode::kInternal,
          .message = "the engine ended the answer: " + words,
          .native = root["cause"].stringOrEmpty()};
}

}  // namespace

Result<std::optional<Event>> parseEvent(std::string line) {
  auto document = JsonDocument::parse(std::move(line));
  if (!document) return document.error();
  const JsonValue root = document->root();
  if (!root.isObject()) return missing("event");
  if (root["Type"].isMissing() && root["cause"].string()) return toldInPlace(root);
  if (root["Type"].stringOrEmpty() != "container") return std::optional<Event>();
  Event event;
  event.raw_type = root["Action"].stringOrEmpty();
  event.type = eventType(event.raw_type);
  event.container.value = root["Actor"]["ID"].stringOrEmpty();
  if (event.container.value.empty()) return missing("'Actor.ID'");
  readAttributes(engine::stringMap(root["Actor"]["Attributes"]), event);
  if (const auto at = root["timeNano"].integer(); at) event.at = fromUnix(0, *at);
  return std::optional<Event>(std::move(event));
}

namespace {

/// "Copying blob sha256:…\n" and newer services' figures.
void readProgress(const JsonValue& root, PullProgress& progress) {
  progress.status = root["stream"].string().value_or(root["status"].stringOrEmpty());
  while (progress.status.ends_with('\n')) progress.status.pop_back();
  if (progress.status.starts_with("Copying blob "))
    progress.layer = progress.status.substr(13, progress.status.find(' ', 13) - 13);
  const JsonValue figures = root["pullProgress"];
  if (!figures.isObject()) return;
  progress.layer = figures["progressComponentID"].stringOrEmpty();
  if (const auto status = figures["status"].string()) progress.status = *status;
  progress.current_bytes = figures["current"].integer();
  progress.total_bytes = figures["total"].integer();
}

}  // namespace

Result<engine::PullStep> parsePullStep(std::string line) {
  auto document = JsonDocument::parse(std::move(line));
  if (!document) return document.error();
  const JsonValue root = document->root();
  if (!root.isObject()) return missing("progress");
  engine::PullStep step;
  step.error = root["error"].string().value_or(
      root["images"].isMissing() ? root["cause"].stringOrEmpty() : std::string());
  if (step.error.empty() && root["error"].string()) step.error = "no reason given";
  readProgress(root, step.progress);
  step.finished =
      step.error.empty() && (root["images"].isArray() || !root["id"].stringOrEmpty().empty());
  if (step.finished && step.progress.status.empty()) step.progress.status = "complete";
  return step;
}

// ---- statistics ----

namespace {

std::optional<Duration> nanoseconds(const JsonValue& value) {
  const auto count = value.natural();
  if (!count || *count > static_cast<std::uint64_t>(Duration::max().count())) return std::nullopt;
  return Duration(static_cast<std::int64_t>(*count));
}

void readNetwork(const JsonValue& one, const StatsDialect& dialect, StatsSample& sample) {
  if (dialect.host_network) return;  // the engine tells of 0 bytes
  if (one["Network"].isObject()) {   // since version 5
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    one["Network"].forEachMember([&](const std::string&, const JsonValue& interface) {
      received += interface["RxBytes"].natural().value_or(0);
      sent += interface["TxBytes"].natural().value_or(0);
    });
    sample.network_rx_bytes = received;
    sample.network_tx_bytes = sent;
    return;
  }
  sample.network_rx_bytes = one[dialect.network_swapped ? "NetOutput" : "NetInput"].natural();
  sample.network_tx_bytes = one[dialect.network_swapped ? "NetInput" : "NetOutput"].natural();
}

void readMemory(const JsonValue& one, const StatsDialect& dialect, StatsSample& sample) {
  if (dialect.cgroup_version == 1) sample.memory_usage_bytes = one["MemUsage"].natural();
  if (dialect.cgroup_version == 2) sample.memory_working_set_bytes = one["MemUsage"].natural();
  const auto limit = one["MemLimit"].natural();
  if (limit && *limit > 0 && *limit < (std::uint64_t{1} << 62) &&
      *limit != dialect.host_memory_bytes)
    sample.memory_limit_bytes = limit;
}

}  // namespace

Result<StatsSample> parseStats(std::string text, const RunId& run, const StatsDialect& dialect) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  const JsonValue root = document->root();
  if (!root.isObject()) return missing("statistics");
  // A failure comes with the status of a success, at times without its words.
  if (const std::string cause = root["cause"].stringOrEmpty(); !cause.empty())
    return errorFromReply(500, document->root()["message"].stringOrEmpty() + ": " + cause,
                          Subject::kContainer);
  std::optional<StatsSample> sample;
  root["Stats"].forEachElement([&](const JsonValue& one) {
    if (sample || one["ContainerID"].stringOrEmpty() != run.container.value) return;
    sample.emplace(StatsSample{.run = run, .cpu_time = nanoseconds(one["CPUNano"])});
    readMemory(one, dialect, *sample);
    readNetwork(one, dialect, *sample);
    sample->block_read_bytes = one["BlockInput"].natural();
    sample->block_write_bytes = one["BlockOutput"].natural();
    sample->pids = one["PIDs"].natural();
  });
  if (sample) return *sample;
  if (root["Error"].isNull() || root["Error"].isMissing()) return missing("statistics");
  return Error{.code = ErrorCode::kNotFound,
               .message = "the engine gives no statistics of the container"};
}

}  // namespace control::podman

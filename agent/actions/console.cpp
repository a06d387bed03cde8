#include "agent/actions/console.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <new>
#include <stop_token>
#include <vector>

#include "agent/actions/line_search.h"
#include "agent/panel/json_plain.h"
#include "agent/panel/message.h"

namespace agent {
namespace {

using control::ConsoleLine;

/// How long a server may leave a line before its stdin.
constexpr control::Duration kInputTimeout = std::chrono::seconds(5);
constexpr std::int64_t kMostLines = 5000;
constexpr std::int64_t kLines = 100;
constexpr std::int64_t kMostContext = 100;
/// A message may hold a MiB.
constexpr std::size_t kMostAnswer = 640 * 1024;
/// What a line is in an answer beside its text, at most.
constexpr std::size_t kEntryBytes = 160;
constexpr std::size_t kMostKept = std::size_t{64} * 1024 * 1024;
constexpr std::chrono::seconds kSearchTimeout{5};

/// The line without the end that it may have.
std::string readLine(const Fields& fields) {
  std::string line = fields.requiredText("command");
  if (line.ends_with('\n')) line.pop_back();
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

control::Result<void> sendCommand(Services& services, const Command& command, Action::Done done) {
  const Fields fields = command.fields();
  const std::string& server_id = command.server_id;
  auto accepted = services.supervisor.sendLine(
      server_id, readLine(fields), kInputTimeout,
      [server_id, &readiness = services.readiness,
       done = std::move(done)](const control::Result<void>& written) {
        if (written) {
          Json data;
          data.set("serverId", server_id);
          data.set("status", control::toString(readiness.shownRunning(server_id)))
              .set("sent", true);
          return done(data);
        }
        control::Error error = written.error();
        if (error.code == control::ErrorCode::kUnsupported) {
          error.code = control::ErrorCode::kWrongState;
          error.message = "server '" + server_id + "' has no stdin: " + error.message;
        }
        done(error);
      });
  if (!accepted && accepted.error().code == control::ErrorCode::kInvalidArgument)
    fields.refuse("command", accepted.error().message);
  return accepted;
}

// ---- get_server_logs ----

struct LogRequest {
  std::optional<std::uint64_t> since{};
  std::size_t lines = 0;
  std::size_t before = 0;
  std::size_t after = 0;
  bool regex = false;
  std::unique_ptr<LineSearch> search{};
};

LogRequest readLogRequest(const Fields& fields) {
  const auto count = [&](const char* name, std::int64_t most, std::int64_t otherwise) {
    return static_cast<std::size_t>(fields.integer(name, 0, most).value_or(otherwise));
  };
  LogRequest request;
  if (const auto since = fields.integer("since", 0, INT64_MAX))
    request.since = static_cast<std::uint64_t>(*since);
  request.lines = static_cast<std::size_t>(fields.integer("lines", 1, kMostLines).value_or(kLines));
  request.before = count("before", kMostContext, 0);
  request.after = count("after", kMostContext, 0);
  const Json* regex = fields.find("regex");
  if (regex != nullptr && regex->text() != nullptr)
    fields.refuse("regex", "must be true or false; true makes payload.search an expression");
  request.regex = fields.boolean("regex").value_or(false);
  const LineSearch::Form form{.regex = request.regex,
                              .case_sensitive = fields.boolean("case").value_or(false)};
  const auto pattern = fields.text("search");
  if (!pattern || pattern->empty()) return request;
  if (pattern->size() > LineSearch::kLongestPattern)
    fields.refuse("search",
                  "is longer than " + std::to_string(LineSearch::kLongestPattern) + " bytes");
  request.search = std::make_unique<LineSearch>(*pattern, form);
  if (const std::string problem = request.search->problem(); !problem.empty())
    fields.refuse("search", "is no regular expression: " + problem);
  return request;
}

struct Chosen {
  const ConsoleLine* line;
  bool match;
};

/// Where the lines are that match; without a search all do.
control::Result<std::vector<std::size_t>> matches(const std::vector<ConsoleLine>& lines,
                                                  const LogRequest& request,
                                                  const std::stop_token& stop) {
  const auto until = std::chrono::steady_clock::now() + kSearchTimeout;
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (stop.stop_requested())
      return control::Error{.code = control::ErrorCode::kCancelled,
                            .message = "the agent is being shut down"};
    if (request.search && std::chrono::steady_clock::now() >= until)
      return control::Error{.code = control::ErrorCode::kDeadlineExceeded,
                            .message = "the search took longer than " +
                                       std::to_string(kSearchTimeout.count()) +
                                       " s and was given up; use a simpler payload.search, or a "
                                       "later payload.since"};
    const bool is_gap = lines[i].source == control::OutputSource::kGap;
    if (!request.search || (!is_gap && request.search->matches(lines[i].text))) found.push_back(i);
  }
  return found;
}

/// Those of `found` with the lines around them.
std::vector<Chosen> withContext(const std::vector<ConsoleLine>& lines,
                                std::span<const std::size_t> found, const LogRequest& request) {
  const std::size_t before = request.search ? request.before : 0;
  const std::size_t after = request.search ? request.after : 0;
  std::vector<Chosen> chosen;
  std::size_t next = 0;  // the first that is not chosen yet
  for (std::size_t k = 0; k < found.size(); ++k) {
    const std::size_t match = found[k];
    const std::size_t behind = k + 1 < found.size() ? found[k + 1] : lines.size();
    for (std::size_t i = std::max(next, match - std::min(match, before)); i < match; ++i)
      chosen.push_back({&lines[i], false});
    chosen.push_back({&lines[match], true});
    next = std::min(behind, match + 1 + after);
    for (std::size_t i = match + 1; i < next; ++i) chosen.push_back({&lines[i], false});
  }
  return chosen;
}

/// As many as an answer holds, from the end or from the beginning.
std::span<const Chosen> limited(const std::vector<Chosen>& chosen, bool newest) {
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < std::min(chosen.size(), static_cast<std::size_t>(kMostLines))) {
    const ConsoleLine& line = *chosen[newest ? chosen.size() - 1 - count : count].line;
    bytes += kEntryBytes + encodedBytes(line.text);
    if (bytes > kMostAnswer && count > 0) break;
    ++count;
  }
  const std::span<const Chosen> all(chosen);
  return newest ? all.last(count) : all.first(count);
}

Json encodeLog(const Chosen& one, bool search) {
  Json entry(encodeLine(*one.line));
  entry.set("run", std::int64_t{one.line->run});
  if (one.line->at) entry.set("timestamp", formatTimestamp(*one.line->at));
  if (search) entry.set("match", one.match);
  return entry;
}

control::Result<Json> readLogs(Services& services, const std::string& server_id,
                               const LogRequest& request, const std::stop_token& stop) {
  const auto page = services.supervisor.console(server_id, {.after = request.since.value_or(0),
                                                            .lines = kMostKept,
                                                            .text_bytes = kMostKept,
                                                            .newest = !request.since});
  if (!page) return page.error();
  const auto found = matches(page->lines, request, stop);
  if (!found) return found.error();
  const std::size_t count = std::min(found->size(), request.lines);
  const std::span<const std::size_t> all(*found);
  const std::span<const std::size_t> wanted = request.since ? all.first(count) : all.last(count);
  const std::vector<Chosen> chosen = withContext(page->lines, wanted, request);
  const std::span<const Chosen> given = limited(chosen, !request.since);
  Json lines = Json::array();
  for (const Chosen& one : given) lines.add(encodeLog(one, request.search != nullptr));
  Json data;
  data.set("serverId", server_id).set("lines", std::move(lines));
  data.set("firstSeq", page->first).set("lastSeq", page->last);
  const bool cut = given.size() < chosen.size();
  data.set("hasMore", cut || count < all.size());
  // With this as `since` the lines follow on these; what stands around a match may come once more.
  std::uint64_t next = page->last;
  if (request.since && cut)
    next = given.back().line->number;
  else if (request.since && count < all.size())
    next = page->lines[wanted.back()].number;
  data.set("nextSince", next);
  if (request.since)
    if (const auto dropped = control::linesBetween(*request.since, page->first).value_or(0))
      data.set("dropped", dropped);
  if (!page->problem.empty())
    data.set("problem", withoutHostPaths(page->problem, server_id, services.paths()));
  return data;
}

control::Result<Json> tryToReadLogs(Services& services, const std::string& server_id,
                                    const LogRequest& request, const std::stop_token& stop) {
  if (services.out.isFull())
    return control::Error{.code = control::ErrorCode::kResourceExhausted,
                          .message = Outgoing::kReadAnswers};
  try {
    return readLogs(services, server_id, request, stop);
  } catch (const std::bad_alloc&) {
    return control::Error{.code = control::ErrorCode::kResourceExhausted,
                          .message =
                              "there is no memory for so many lines; try again later, or "
                              "give a later payload.since"};
  }
}

control::Result<void> getLogs(Services& services, const Command& command, Action::Done done) {
  const auto request = std::make_shared<const LogRequest>(readLogRequest(command.fields()));
  auto task = [&services, server_id = command.server_id, request,
               done = std::move(done)](const std::stop_token& stop) {
    done(tryToReadLogs(services, server_id, *request, stop));
  };
  // An expression can take its whole time, so it is slow work, of which there is one at a time of
  // a server; under a name of its own, for it waits for none of the server's files.
  const bool posted = request->search && request->regex
                          ? services.server_work.post(command.server_id + "/console",
                                                      ServerWork::Pace::kSlow, "", std::move(task))
                          : services.workers.post(std::move(task));
  if (!posted) throw Refusal("BUSY", "too many commands are in progress; try again later");
  return {};
}

constexpr Action sendAction(std::string_view name) {
  Action action{.name = name};
  action.needs_server = true;
  action.once = true;
  action.later = sendCommand;
  return action;
}

constexpr Action logsAction() {
  Action action{.name = "get_server_logs"};
  action.needs_server = true;
  action.later = getLogs;
  action.only_reads = true;
  return action;
}

constexpr std::array kConsoleActions = {sendAction("send_command"),
                                        sendAction("send_server_command"), logsAction()};

}  // namespace

std::span<const Action> consoleActions() { return kConsoleActions; }

const char* streamName(const ConsoleLine& line) {
  switch (line.source) {
    case control::OutputSource::kStdout:
      return "stdout";
    case control::OutputSource::kStderr:
      return "stderr";
    case control::OutputSource::kConsole:
      return "console";
    case control::OutputSource::kGap:
      break;
  }
  return "gap";
}

Json::Object encodeLine(const ConsoleLine& line) {
  Json::Object members;
  const char* const stream = streamName(line);
  members.emplace_back("stream", stream);
  members.emplace_back("seq", line.number);
  members.emplace_back("message", line.text);
  members.emplace_back("logLevel",
                       line.source == control::OutputSource::kStderr ? "ERROR" : "INFO");
  if (line.cut) members.emplace_back("cut", true);
  return members;
}

}  // namespace agent

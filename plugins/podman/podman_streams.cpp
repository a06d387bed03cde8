#include "podman/podman_runtime.h"

#include "engine/streams.h"
#include "podman/podman_body.h"
#include "podman/podman_logs.h"

namespace control::podman {
namespace {

using engine::checkContainerId;
using engine::HttpRequest;
using engine::Method;

/// How long a refusal of a log may take.
constexpr std::chrono::milliseconds kBriefly{50};

/// The engine gives the lines of a log that lie strictly between two moments.
constexpr std::chrono::nanoseconds kMoment{1};

}  // namespace

Result<std::unique_ptr<LogStream>> PodmanRuntime::logs(const ContainerId& id,
                                                       const LogOptions& options,
                                                       const CallContext& context) {
  if (auto checked = checkContainerId(id); !checked) return checked.error();
  if (auto checked = engine::checkLogOptions(options); !checked) return checked.error();
  const auto run = engine_.look(id.value, context);
  if (!run) return run.error();
  if (options.follow && run->running) return followLog(*run, options, context);
  auto request = logRequest(*run, options, options.since);
  if (options.tail_lines) request.target += "&tail=" + std::to_string(*options.tail_lines);
  if (options.timestamps) request.target += "&timestamps=true";
  auto http = api_.open(std::move(request), Subject::kContainer, context);
  if (!http) return http.error();
  return engine::makeLogStream(std::move(*http),
                               {.tty = run->tty, .timestamps = options.timestamps});
}

/// Without the parts that only some requests for a log have.
HttpRequest PodmanRuntime::logRequest(const PodmanRun& run, const LogOptions& options,
                                      std::optional<WallTime> since) {
  const auto word = [](bool on) { return on ? "true" : "false"; };
  std::string query = "/logs?stdout=" + std::string(word(options.standard_output)) +
                      "&stderr=" + word(options.standard_error);
  if (since) query += "&since=" + encoded(timeText(*since - kMoment));
  if (options.until) {
    // Where the times of lines are told in whole seconds, the whole of that second is meant.
    using std::chrono::seconds;
    const bool exact = api_.knownVersion().atLeast(5, 8);
    const WallTime end = exact ? *options.until + kMoment
                               : WallTime(std::chrono::floor<seconds>(*options.until) + seconds(1));
    query += "&until=" + encoded(timeText(end));
  }
  return {.method = Method::kGet, .target = containerPath(run.id, query)};
}

Result<std::unique_ptr<LogStream>> PodmanRuntime::followLog(const PodmanRun& run,
                                                            const LogOptions& options,
                                                            const CallContext& context) {
  auto request = logRequest(run, options, options.since);
  request.target += "&timestamps=true&follow=true";
  if (options.tail_lines) request.target += "&tail=" + std::to_string(*options.tail_lines);
  // The engine's answer begins with the first line, which may be long in coming; a refusal does
  // not.
  auto http = api_.openAhead(std::move(request), context);
  if (!http) return http.error();
  const CallContext brief = context.capped(kBriefly, clock());
  if (auto head = checkHead(**http, brief);
      !head &&
      (head.error().code != ErrorCode::kDeadlineExceeded || context.deadline <= clock().now()))
    return head.error();
  const auto rest = [this, run, options](std::optional<WallTime> last, const CallContext& call) {
    auto again = logRequest(run, options, last ? last : options.since);
    again.target += "&timestamps=true";
    return api_.open(std::move(again), Subject::kContainer, call);
  };
  std::shared_ptr<const engine::Process> process;
  if (run.pid) {
    if (auto found = engine::Process::open(*run.pid, run.id.value, roots_); found)
      process = std::move(*found);
  }
  return makeFollowedLog(std::move(*http), rest,
                         {.tty = run.tty,
                          .timestamps = options.timestamps,
                          .tail = options.tail_lines.has_value(),
                          .process = std::move(process)},
                         clock());
}

Result<std::unique_ptr<Console>> PodmanRuntime::attach(const ContainerId& id,
                                                       const AttachOptions& options,
                                                       const CallContext& context) {
  if (auto checked = checkContainerId(id); !checked) return checked.error();
  const auto run = engine_.look(id.value, context);
  if (!run) return run.error();
  if (!options.standard_input && !options.standard_output && !options.standard_error)
    return Error{.code = ErrorCode::kInvalidArgument, .message = "no stream is asked for"};
  if (options.standard_input && !run->open_stdin)
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "the container was created without an open stdin"};
  if (run->paused) return wrongState("the container is paused");
  // The engine would set a container that is over up anew, and its exit would be lost.
  if (!run->running && run->state != ContainerState::kCreated)
    return wrongState("the container is not running; attach after its start");
  return podman::attach(api_, engine_, inputs_, *run, options, context);
}

Result<std::unique_ptr<ExecSession>> PodmanRuntime::exec(const ContainerId& id,
                                                         const ExecSpec& spec,
                                                         const CallContext& context) {
  auto body = engine::execBody(spec);
  if (!body) return body.error();
  if (auto checked = checkContainerId(id); !checked) return checked.error();
  const auto run = engine_.look(id.value, context);
  if (!run) return run.error();
  if (!run->running || run->paused)
    return wrongState(run->paused ? "the container is paused" : "the container does not run");
  auto created = post(containerPath(run->id, "/exec"), std::move(*body), context);
  if (!created) return created.error();
  if (!created->head.success()) return refused(*created, Subject::kExec);
  auto exec_id = engine::parseExecId(std::move(created->body));
  if (!exec_id) return exec_id.error();
  auto http = api_.open({.method = Method::kPost,
                         .target = "/exec/" + encoded(*exec_id) + "/start",
                         .body = engine::execStartBody(spec.tty),
                         .content_type = "application/json",
                         .hijack = true},
                        Subject::kExec, context);
  if (!http) return http.error();
  return engine::makeExecSession(
      std::move(*http), {.tty = spec.tty, .input = spec.standard_input, .input_can_end = !spec.tty},
      std::move(*exec_id), run->id, engine_);
}

Result<std::unique_ptr<EventStream>> PodmanRuntime::events(const EventFilter& filter,
                                                           const CallContext& context) {
  // A service that keeps none would accept, and say so in place of the first event.
  const auto service = engine_.service(context);
  if (!service) return service.error();
  if (!service->events)
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "the service keeps no events: its events_logger is \"none\""};
  // The engine answers before it has begun to look. From a moment on it misses nothing.
  const WallTime begin = clock().wallNow();
  auto http = api_.open(
      {.method = Method::kGet,
       .target = "/events?stream=true&since=" + encoded(timeText(begin - std::chrono::seconds(1))) +
                 "&filters=" + encoded(eventFilters(filter))},
      Subject::kEngine, context);
  if (!http) return http.error();
  // The engine takes one of several labels for all of them, and is not asked for those of any
  // value.
  const auto parse = [begin, filter](std::string line) -> Result<std::optional<Event>> {
    auto event = parseEvent(std::move(line));
    if (!event || !*event) return event;
    if ((*event)->at < begin || !carries((*event)->labels, filter.labels))
      return std::optional<Event>();
    return event;
  };
  return engine::makeEventStream(std::move(*http), parse, host().clock);
}

// ---- images ----

Result<std::unique_ptr<PullStream>> PodmanRuntime::pull(const std::string& reference,
                                                        const PullOptions& options,
                                                        const CallContext& context) {
  if (auto checked = engine::checkReference(reference); !checked) return checked.error();
  HttpRequest request{
      .method = Method::kPost,
      .target = "/images/pull?policy=always&pullProgress=true&reference=" + encoded(reference)};
  if (options.credentials) {
    auto credentials = engine::registryAuth(*options.credentials);
    if (!credentials) return credentials.error();
    request.headers.emplace_back("X-Registry-Auth", std::move(*credentials));
  }
  const auto open = [&](const CallContext& call) {
    return api_.open(request, Subject::kPull, call);
  };
  return engine::openPull(open, {.parse = parsePullStep, .error = pullError}, options.idle_timeout,
                          context, clock());
}

Result<ImageInfo> PodmanRuntime::findImage(const std::string& reference,
                                           const CallContext& context) {
  if (auto checked = engine::checkReference(reference); !checked) return checked.error();
  auto reply = api_.get("/images/" + reference + "/json", Subject::kImage, context);
  if (!reply) return reply.error();
  return parseImage(std::move(*reply));
}

}  // namespace control::podman

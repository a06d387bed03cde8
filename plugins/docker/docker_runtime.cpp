#include "docker/docker_runtime.h"

#include <algorithm>

#include "docker/docker_body.h"
#include "docker/docker_json.h"
#include "engine/exit_watch.h"
#include "engine/streams.h"
#include "engine/words.h"

namespace control::docker {
namespace {

/// The engine splits longer lines.
constexpr std::size_t kSplitBytes = 16 * 1024;

using engine::contains;
using engine::HttpRequest;
using engine::HttpResponse;
using engine::Method;

std::string containerPath(const ContainerId& id, std::string_view rest) {
  return "/containers/" + encoded(id.value) + std::string(rest);
}

Error refused(const HttpResponse& response, Subject subject) {
  return errorFromReply(response.head.status, response.body, subject);
}

bool matches(const ContainerSummary& one, const ListFilter& filter) {
  for (const auto& [key, value] : filter.labels) {
    const auto found = one.labels.find(key);
    if (found == one.labels.end() || (!value.empty() && found->second != value)) return false;
  }
  return filter.states.empty() ||
         std::find(filter.states.begin(), filter.states.end(), one.state) != filter.states.end();
}

}  // namespace

DockerRuntime::DockerRuntime(engine::Address address, HostContext host, engine::HostRoots roots)
    : ContainerRuntime(std::move(host)),
      api_(std::move(address), this->host()),
      roots_(std::move(roots)),
      engine_(api_),
      stats_(engine_, roots_, api_.address().socket_path.empty()) {}

Result<void> DockerRuntime::connect(const CallContext& context) {
  auto agreed = api_.version(context, true);
  if (!agreed) return agreed.error();
  return {};
}

Result<HttpResponse> DockerRuntime::post(std::string target, std::string body,
                                         const CallContext& context) {
  HttpRequest request{
      .method = Method::kPost, .target = std::move(target), .body = std::move(body)};
  if (!request.body.empty()) request.content_type = "application/json";
  return api_.call(std::move(request), context);
}

Result<ContainerId> DockerRuntime::exactly(const ContainerId& id, const CallContext& context) {
  if (auto checked = checkContainerId(id); !checked) return checked.error();
  if (engine::isWholeId(id.value)) return id;
  auto run = engine_.inspectRun(id.value, context);
  if (!run) return run.error();
  return run->id;
}

// ---- the engine ----

Result<RuntimeInfo> DockerRuntime::info(const CallContext& context) {
  const auto agreed = api_.version(context, true);
  if (!agreed) return agreed.error();
  const std::uint64_t generation = api_.generation();
  {
    const std::lock_guard lock(mutex_);
    if (info_generation_ == generation) return info_;
  }
  auto info = ask(*agreed, context);
  if (!info) return info;
  const std::lock_guard lock(mutex_);
  info_ = *info;
  info_generation_ = generation;
  return info;
}

Result<RuntimeInfo> DockerRuntime::ask(const std::string& api_version, const CallContext& context) {
  auto version_text = api_.get("/version", Subject::kEngine, context);
  if (!version_text) return version_text.error();
  const auto version = parseVersion(std::move(*version_text));
  if (!version) return version.error();
  auto info_text = api_.get("/info", Subject::kEngine, context);
  if (!info_text) return info_text.error();
  const auto cgroup_version = parseCgroupVersion(std::move(*info_text));
  if (!cgroup_version) return cgroup_version.error();
  RuntimeInfo info{.engine = "docker",
                   .version = version->version,
                   .api_version = api_version,
                   .endpoint = api_.address().toString(),
                   .os = version->os,
                   .architecture = version->architecture,
                   .kernel_version = version->kernel,
                   .cgroup_version = *cgroup_version};
  info.capabilities = {Capability::kStats,  Capability::kOomReport, Capability::kUpdate,
                       Capability::kLogs,   Capability::kAttach,    Capability::kExec,
                       Capability::kEvents, Capability::kPull,      Capability::kPorts,
                       Capability::kTty};
  // A Unix socket is this host's; over TCP nobody can say so beforehand.
  if (!api_.address().socket_path.empty()) {
    info.capabilities.push_back(Capability::kStatsFromKernel);
    info.capabilities.push_back(Capability::kExitFromKernel);
  }
  return info;
}

// ---- containers ----

Result<CreatedContainer> DockerRuntime::create(const ContainerSpec& spec,
                                               const CallContext& context) {
  auto body = createBody(spec);
  if (!body) return body.error();
  std::string target = "/containers/create";
  if (!spec.name.empty()) target += "?name=" + encoded(spec.name);
  auto response = post(std::move(target), std::move(*body), context);
  if (!response) return response.error();
  if (!response->head.success()) return refused(*response, Subject::kCreate);
  auto created = parseCreated(std::move(response->body));
  if (!created) created.error().effect = Effect::kApplied;
  return created;
}

Result<StartOutcome> DockerRuntime::start(const ContainerId& name, const CallContext& context) {
  const auto id = exactly(name, context);
  if (!id) return id.error();
  auto response = post(containerPath(*id, "/start"), {}, context);
  tellWatches(*id, response && response->head.success(), context);
  if (!response) return response.error();
  if (response->head.status == 304) return StartOutcome::kAlreadyRunning;
  if (!response->head.success()) return refused(*response, Subject::kStart);
  return StartOutcome::kStarted;
}

/// For watches armed before a start. After a failure it may have started all the same.
void DockerRuntime::tellWatches(const ContainerId& id, bool started, const CallContext& context) {
  if (!notices_.watched(id.value)) return;
  const engine::Start start = engine::lookAtStart(engine_, id.value, roots_, context);
  if (started || start.run) notices_.started(id.value, start);
}

Result<SignalOutcome> DockerRuntime::signal(const ContainerId& name, Signal signal,
                                            const CallContext& context) {
  if (signal.number < 1 || signal.number > 64)
    return Error{.code = ErrorCode::kInvalidArgument,
                 .message = "signal " + std::to_string(signal.number) + " is not from 1 to 64"};
  const auto id = exactly(name, context);
  if (!id) return id.error();
  auto response =
      post(containerPath(*id, "/kill?signal=" + std::to_string(signal.number)), {}, context);
  if (!response) return response.error();
  if (response->head.success()) return SignalOutcome::kDelivered;
  if (response->head.status == 409 && contains(response->body, "is not running"))
    return SignalOutcome::kNotRunning;
  return refused(*response, Subject::kContainer);
}

Result<std::unique_ptr<ExitWatch>> DockerRuntime::watchExit(const ContainerId& id,
                                                            const CallContext& context) {
  if (auto checked = checkContainerId(id); !checked) return checked.error();
  return engine::watchExit(engine_, notices_, id, roots_, context);
}

Result<RemoveOutcome> DockerRuntime::remove(const ContainerId& name, const RemoveOptions& options,
                                            const CallContext& context) {
  const auto id = exactly(name, context);
  if (!id && id.error().code == ErrorCode::kNotFound) return RemoveOutcome::kAbsent;
  if (!id) return id.error();
  stats_.forget(*id);
  engine_.memory().forget(id->value);
  const std::string query = std::string("?v=") + (options.anonymous_volumes ? "1" : "0") +
                            (options.force ? "&force=1" : "");
  auto response =
      api_.call({.method = Method::kDelete, .target = containerPath(*id, query)}, context);
  if (!response) return response.error();
  if (response->head.success()) return RemoveOutcome::kRemoved;
  if (response->head.status == 404) return RemoveOutcome::kAbsent;
  if (response->head.status == 409 && contains(response->body, "is already in progress"))
    return waitUntilGone(*id, context);
  return refused(*response, Subject::kContainer);
}

Result<RemoveOutcome> DockerRuntime::waitUntilGone(const ContainerId& id,
                                                   const CallContext& context) {
  auto wait =
      api_.open({.method = Method::kPost, .target = containerPath(id, "/wait?condition=removed")},
                Subject::kContainer, context);
  if (!wait && wait.error().code != ErrorCode::kNotFound) return wait.error();
  if (wait) {
    auto body = (*wait)->readAll(context);
    if (!body) return body.error();
  }
  const auto left = engine_.inspectRun(id.value, context);
  if (!left && left.error().code == ErrorCode::kNotFound) return RemoveOutcome::kRemoved;
  if (!left) return left.error();
  return Error{
      .code = ErrorCode::kWrongState,
      .effect = Effect::kUnknown,
      .message = "somebody else's removal of the container did not succeed; remove it again"};
}

Result<Inspection> DockerRuntime::look(const ContainerId& id, const CallContext& context) {
  if (auto checked = checkContainerId(id); !checked) return checked.error();
  auto reply = api_.get(containerPath(id, "/json"), Subject::kContainer, context);
  if (!reply) return reply.error();
  auto inspection = parseInspect(std::move(*reply));
  if (inspection && inspection->info.id != id && inspection->info.spec.name != id.value)
    return engine::noSuchContainer(id.value);
  return inspection;
}

Result<ContainerInfo> DockerRuntime::inspect(const ContainerId& id, const CallContext& context) {
  auto inspection = look(id, context);
  if (!inspection) return inspection.error();
  engine_.memory().complete(inspection->info);
  return std::move(inspection->info);
}

Result<std::vector<ContainerSummary>> DockerRuntime::list(const ListFilter& filter,
                                                          const CallContext& context) {
  std::string target = "/containers/json?all=1";
  if (const std::string filters = listFilters(filter); !filters.empty())
    target += "&filters=" + encoded(filters);
  auto reply = api_.get(std::move(target), Subject::kEngine, context);
  if (!reply) return reply.error();
  auto list = parseList(std::move(*reply));
  if (list)
    std::erase_if(*list, [&](const ContainerSummary& one) { return !matches(one, filter); });
  return list;
}

std::vector<Result<StatsSample>> DockerRuntime::stats(std::span<const ContainerId> ids,
                                                      const CallContext& context) {
  return stats_.read(ids, context);
}

Result<void> DockerRuntime::update(const ContainerId& name, const ResourceLimits& limits,
                                   const CallContext& context) {
  const auto id = exactly(name, context);
  if (!id) return id.error();
  ResourceLimits wanted = limits;
  if (limits.memory_bytes && !limits.memory_swap_bytes) {
    // The engine's limit is memory plus swap and must follow: the swap itself stays what it is.
    const auto now = look(*id, context);
    if (!now) return now.error();
    const ResourceLimits& present = now->info.spec.limits;
    if (present.memory_swap_bytes && *present.memory_swap_bytes > 0)
      wanted.memory_swap_bytes =
          *limits.memory_bytes + *present.memory_swap_bytes - present.memory_bytes.value_or(0);
  }
  auto body = updateBody(wanted);
  if (!body) return body.error();
  auto response = post(containerPath(*id, "/update"), std::move(*body), context);
  if (!response) return response.error();
  if (!response->head.success()) return refused(*response, Subject::kContainer);
  return {};
}

// ---- streams ----

Result<std::unique_ptr<LogStream>> DockerRuntime::logs(const ContainerId& id,
                                                       const LogOptions& options,
                                                       const CallContext& context) {
  if (auto checked = checkContainerId(id); !checked) return checked.error();
  if (auto checked = engine::checkLogOptions(options); !checked) return checked.error();
  const auto run = engine_.inspectRun(id.value, context);
  if (!run) return run.error();
  std::string query = "/logs?stdout=" + std::string(options.standard_output ? "1" : "0") +
                      "&stderr=" + (options.standard_error ? "1" : "0");
  if (options.follow) query += "&follow=1";
  if (options.timestamps) query += "&timestamps=1";
  if (options.tail_lines) query += "&tail=" + std::to_string(*options.tail_lines);
  if (options.since) query += "&since=" + unixTime(*options.since);
  if (options.until) query += "&until=" + unixTime(*options.until);
  auto http = api_.open({.method = Method::kGet, .target = containerPath(run->id, query)},
                        Subject::kContainer, context);
  if (!http) return http.error();
  return engine::makeLogStream(std::move(*http), {.tty = run->tty,
                                                  .framed = !run->tty,
                                                  .timestamps = options.timestamps,
                                                  .split_bytes = kSplitBytes});
}

Result<std::unique_ptr<Console>> DockerRuntime::attach(const ContainerId& id,
                                                       const AttachOptions& options,
                                                       const CallContext& context) {
  const auto inspection = look(id, context);
  if (!inspection) return inspection.error();
  if (!options.standard_input && !options.standard_output && !options.standard_error)
    return Error{.code = ErrorCode::kInvalidArgument, .message = "no stream is asked for"};
  const ContainerSpec& spec = inspection->info.spec;
  if (options.standard_input && !spec.open_stdin)
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "the container was created without an open stdin"};
  std::string query = "/attach?stream=1";
  if (options.standard_input) query += "&stdin=1";
  if (options.standard_output) query += "&stdout=1";
  if (options.standard_error) query += "&stderr=1";
  // The engine swallows a detach sequence from a terminal's input; the default, ctrl-p ctrl-q, is
  // something a person may type.
  if (spec.tty) query += "&detachKeys=" + encoded("ctrl-^,ctrl-],ctrl-^,ctrl-],ctrl-^,ctrl-_");
  auto http = api_.open({.method = Method::kPost,
                         .target = containerPath(inspection->info.id, query),
                         .hijack = true},
                        Subject::kContainer, context);
  if (!http) return http.error();
  return engine::makeConsole(std::move(*http),
                             {.tty = spec.tty,
                              .input = options.standard_input,
                              .input_can_end = inspection->stdin_once && !spec.tty});
}

Result<std::unique_ptr<ExecSession>> DockerRuntime::exec(const ContainerId& id,
                                                         const ExecSpec& spec,
                                                         const CallContext& context) {
  auto body = execBody(spec);
  if (!body) return body.error();
  const auto run = [&]() -> Result<RunState> {
    if (auto checked = checkContainerId(id); !checked) return checked.error();
    return engine_.inspectRun(id.value, context);
  }();
  if (!run) return run.error();
  auto created = post(containerPath(run->id, "/exec"), std::move(*body), context);
  if (!created) return created.error();
  if (!created->head.success()) return refused(*created, Subject::kExec);
  auto exec_id = parseExecId(std::move(created->body));
  if (!exec_id) return exec_id.error();
  auto http = api_.open({.method = Method::kPost,
                         .target = "/exec/" + encoded(*exec_id) + "/start",
                         .body = execStartBody(spec.tty),
                         .content_type = "application/json",
                         .hijack = true},
                        Subject::kExec, context);
  if (!http && contains(http.error().message, "executable file not found"))
    http.error().code = ErrorCode::kNotFound;
  if (!http) return http.error();
  return engine::makeExecSession(
      std::move(*http), {.tty = spec.tty, .input = spec.standard_input, .input_can_end = !spec.tty},
      std::move(*exec_id), run->id, engine_);
}

Result<std::unique_ptr<EventStream>> DockerRuntime::events(const EventFilter& filter,
                                                           const CallContext& context) {
  auto http = api_.open(
      {.method = Method::kGet, .target = "/events?filters=" + encoded(eventFilters(filter))},
      Subject::kEngine, context);
  if (!http) return http.error();
  return engine::makeEventStream(std::move(*http), parseEvent, host().clock);
}

// ---- images ----

Result<std::unique_ptr<PullStream>> DockerRuntime::pull(const std::string& reference,
                                                        const PullOptions& options,
                                                        const CallContext& context) {
  const auto parts = splitReference(reference);
  if (!parts) return parts.error();
  HttpRequest request{
      .method = Method::kPost,
      .target = "/images/create?fromImage=" + encoded(parts->name) + "&tag=" + encoded(parts->tag)};
  if (options.credentials) {
    auto credentials = registryAuth(*options.credentials);
    if (!credentials) return credentials.error();
    request.headers.emplace_back("X-Registry-Auth", std::move(*credentials));
  }
  const auto open = [&](const CallContext& call) {
    return api_.open(request, Subject::kPull, call);
  };
  return engine::openPull(open, {.parse = parsePullStep, .error = pullError}, options.idle_timeout,
                          context, clock());
}

Result<ImageInfo> DockerRuntime::findImage(const std::string& reference,
                                           const CallContext& context) {
  if (auto checked = checkReference(reference); !checked) return checked.error();
  auto reply = api_.get("/images/" + reference + "/json", Subject::kImage, context);
  if (!reply) return reply.error();
  return parseImage(std::move(*reply));
}

void* DockerRuntime::extension(std::string_view name) noexcept {
  return name == ImageStore::kExtensionName ? static_cast<ImageStore*>(&images_) : nullptr;
}

}  // namespace control::docker

#include "podman/podman_runtime.h"

#include <algorithm>

#include "engine/exit_watch.h"
#include "engine/streams.h"
#include "podman/podman_body.h"

namespace control::podman {
namespace {

using engine::checkContainerId;
using engine::HttpRequest;
using engine::HttpResponse;
using engine::Method;

/// How often a removal by force is tried.
constexpr int kMostAttempts = 5;

bool matches(const ContainerSummary& one, const ListFilter& filter) {
  if (!carries(one.labels, filter.labels)) return false;
  return filter.states.empty() ||
         std::find(filter.states.begin(), filter.states.end(), one.state) != filter.states.end();
}

/// The limits that hold `now`; the weight of I/O is not among them.
void takeOver(const ResourceLimits& now, ResourceLimits& limits) {
  const auto weight = limits.io_weight;
  const auto swap = limits.memory_swap_bytes;
  limits = now;
  limits.io_weight = weight;
  if (!now.memory_swap_bytes) limits.memory_swap_bytes = swap;
}

}  // namespace

PodmanRuntime::PodmanRuntime(engine::Address address, HostContext host, engine::HostRoots roots)
    : ContainerRuntime(std::move(host)),
      api_(std::move(address), this->host()),
      roots_(std::move(roots)),
      engine_(api_),
      limits_(roots_),
      stats_(engine_, roots_, false),
      inputs_(api_) {}

Result<void> PodmanRuntime::connect(const CallContext& context) {
  auto version = api_.version(context, true);
  if (!version) return version.error();
  return {};
}

Result<HttpResponse> PodmanRuntime::post(std::string target, std::string body,
                                         const CallContext& context) {
  HttpRequest request{
      .method = Method::kPost, .target = std::move(target), .body = std::move(body)};
  if (!request.body.empty()) request.content_type = "application/json";
  return api_.call(std::move(request), context);
}

Result<ContainerId> PodmanRuntime::exactly(const ContainerId& id, const CallContext& context) {
  if (auto checked = checkContainerId(id); !checked) return checked.error();
  if (engine::isWholeId(id.value)) return id;
  auto run = engine_.look(id.value, context);
  if (!run) return run.error();
  return run->id;
}

// ---- the engine ----

Result<RuntimeInfo> PodmanRuntime::info(const CallContext& context) {
  const auto version = api_.version(context, true);
  if (!version) return version.error();
  const auto service = engine_.service(context);
  if (!service) return service.error();
  RuntimeInfo info{.engine = "podman",
                   .version = service->version.empty() ? version->text : service->version,
                   .api_version = version->text,
                   .endpoint = api_.address().toString(),
                   .os = service->os,
                   .architecture = service->architecture,
                   .kernel_version = service->kernel,
                   .cgroup_version = service->cgroup_version};
  info.capabilities = {Capability::kLogs, Capability::kAttach, Capability::kExec,
                       Capability::kPull, Capability::kPorts,  Capability::kTty};
  if (service->events) info.capabilities.push_back(Capability::kEvents);
  if (service->ownsCgroups())
    info.capabilities.insert(
        info.capabilities.end(),
        {Capability::kStats, Capability::kStatsFromKernel, Capability::kExitFromKernel,
         Capability::kOomReport, Capability::kUpdate});
  return info;
}

// ---- containers ----

Result<CreatedContainer> PodmanRuntime::create(const ContainerSpec& spec,
                                               const CallContext& context) {
  auto body = createBody(spec);
  if (!body) return body.error();
  auto response = post("/containers/create", std::move(*body), context);
  if (!response) return response.error();
  if (!response->head.success()) return refused(*response, Subject::kCreate);
  auto created = engine::parseCreated(std::move(response->body));
  if (!created) created.error().effect = Effect::kApplied;
  return created;
}

Result<StartOutcome> PodmanRuntime::start(const ContainerId& name, const CallContext& context) {
  const auto id = exactly(name, context);
  if (!id) return id.error();
  auto response = postStart(*id, context);
  tellWatches(*id, response && response->head.success(), context);
  if (!response) return response.error();
  if (response->head.status == 304) return StartOutcome::kAlreadyRunning;
  if (!response->head.success()) {
    Error error = refused(*response, Subject::kStart);
    if (error.code == ErrorCode::kStartFailed || error.code == ErrorCode::kPortConflict)
      engine_.memory().startFailed(id->value, error.message);
    return error;
  }
  engine_.memory().started(id->value);
  return StartOutcome::kStarted;
}

/// A start in which the service was killed may have left something behind. What the next one fails
/// on it has cleared away, or it is a process that runs while the engine takes it for not started:
/// only a stop brings the two together.
Result<HttpResponse> PodmanRuntime::postStart(const ContainerId& id, const CallContext& context) {
  auto response = post(containerPath(id, "/start"), {}, context);
  if (!response || response->head.success()) return response;
  const std::string refusal = errorText(response->body);
  if (speaksOfRunning(refusal, id)) {
    const auto stopped = post(containerPath(id, "/stop"), {}, context);
    if (!stopped) return stopped;
  } else if (!speaksOfLeftOver(refusal)) {
    return response;
  }
  return post(containerPath(id, "/start"), {}, context);
}

/// For watches armed before a start. After a failure it may have started all the same.
void PodmanRuntime::tellWatches(const ContainerId& id, bool started, const CallContext& context) {
  if (!notices_.watched(id.value)) return;
  const engine::Start start = engine::lookAtStart(engine_, id.value, roots_, context);
  if (started || start.run) notices_.started(id.value, start);
}

Result<SignalOutcome> PodmanRuntime::signal(const ContainerId& name, Signal signal,
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
  if (speaksOfState(response->body)) return SignalOutcome::kNotRunning;
  Error error = refused(*response, Subject::kContainer);
  if (error.code != ErrorCode::kInternal) return error;
  // The process may have ended under the engine's hands.
  const auto run = engine_.look(id->value, context);
  if (run && !run->running) return SignalOutcome::kNotRunning;
  return error;
}

Result<std::unique_ptr<ExitWatch>> PodmanRuntime::watchExit(const ContainerId& id,
                                                            const CallContext& context) {
  if (auto checked = checkContainerId(id); !checked) return checked.error();
  return engine::watchExit(engine_, notices_, id, roots_, context);
}

Result<RemoveOutcome> PodmanRuntime::remove(const ContainerId& name, const RemoveOptions& options,
                                            const CallContext& context) {
  if (auto checked = checkContainerId(name); !checked) return checked.error();
  ContainerId id = name;
  // Before 4.4 a removal of a container that is just being stopped forgets its process.
  if (!options.force || !engine::isWholeId(name.value)) {
    const auto run = engine_.look(name.value, context);
    if (!run && run.error().code == ErrorCode::kNotFound) return gone(id, RemoveOutcome::kAbsent);
    if (!run) return run.error();
    if (!options.force && run->running)
      return wrongState("the container runs; stop it first, or remove it with force");
    id = run->id;
  }
  stats_.forget(id);
  const std::string query = std::string("?volumes=") +
                            (options.anonymous_volumes ? "true" : "false") +
                            (options.force ? "&force=true&timeout=0" : "");
  // The engine fails to kill what ends by itself at this moment; the next time it does not. What
  // somebody else removes already is waited for.
  for (int attempt = 0;; ++attempt) {
    auto outcome = tryRemove(id, query, context);
    const bool again = !outcome && (outcome.error().code == ErrorCode::kWrongState ||
                                    outcome.error().code == ErrorCode::kInternal);
    if (!again) return outcome;
    const auto run = engine_.look(id.value, context);
    if (!run && run.error().code == ErrorCode::kNotFound) return gone(id, RemoveOutcome::kRemoved);
    if (!run) return run.error();
    if (run->state != ContainerState::kRemoving && (!options.force || attempt == kMostAttempts))
      return outcome;
    if (auto waited = engine_.pause(std::chrono::milliseconds(50), context); !waited)
      return waited.error();
  }
}

Result<RemoveOutcome> PodmanRuntime::tryRemove(const ContainerId& id, const std::string& query,
                                               const CallContext& context) {
  auto response =
      api_.call({.method = Method::kDelete, .target = containerPath(id, query)}, context);
  if (!response) return response.error();
  if (response->head.status == 404) return gone(id, RemoveOutcome::kAbsent);
  if (!response->head.success()) return refused(*response, Subject::kContainer);
  if (auto removed = parseRemoved(std::move(response->body)); !removed) return removed.error();
  return gone(id, RemoveOutcome::kRemoved);
}

RemoveOutcome PodmanRuntime::gone(const ContainerId& id, RemoveOutcome outcome) {
  inputs_.forget(id.value);
  limits_.forget(id.value);
  engine_.forget(id.value);
  return outcome;
}

Result<ContainerInfo> PodmanRuntime::look(const ContainerId& id, const CallContext& context) {
  if (auto checked = checkContainerId(id); !checked) return checked.error();
  auto text = engine_.inspectText(id.value, context);
  if (!text) {
    auto row = engine_.listed(id.value, text.error(), context);
    if (!row) return row.error();
    const auto last = engine_.lastInspection(row->summary.id.value);
    // Others are made from what an inspection tells: one without half of it is none.
    if (!last && row->summary.state != ContainerState::kRemoving) return text.error();
    return infoOf(std::move(*row), last);
  }
  auto info = parseInspect(std::move(*text));
  if (info && info->id != id && info->spec.name != id.value)
    return engine::noSuchContainer(id.value);
  return info;
}

Result<ContainerInfo> PodmanRuntime::inspect(const ContainerId& id, const CallContext& context) {
  auto looked = look(id, context);
  if (!looked) return looked.error();
  ContainerInfo& info = *looked;
  const auto version = api_.version(context);
  // Before version 5 an update is not written down: only the kernel knows of it.
  if (info.pid && version && !version->atLeast(5, 0)) {
    const auto now = limits_.read(*info.pid, info.id.value);
    if (now) takeOver(*now, info.spec.limits);
  }
  engine_.memory().complete(info);
  engine_.inspected(info);
  return std::move(info);
}

Result<std::vector<ContainerSummary>> PodmanRuntime::list(const ListFilter& filter,
                                                          const CallContext& context) {
  std::string target = "/containers/json?all=true";
  if (const std::string filters = listFilters(filter); !filters.empty())
    target += "&filters=" + encoded(filters);
  // The engine gives up on the whole list when one container vanishes from under it.
  for (int attempt = 0;; ++attempt) {
    auto reply = api_.get(target, Subject::kContainer, context);
    if (!reply && reply.error().code == ErrorCode::kNotFound && attempt < 20) continue;
    if (!reply) return reply.error();
    auto list = parseList(std::move(*reply));
    if (list)
      std::erase_if(*list, [&](const ContainerSummary& one) { return !matches(one, filter); });
    return list;
  }
}

std::vector<Result<StatsSample>> PodmanRuntime::stats(std::span<const ContainerId> ids,
                                                      const CallContext& context) {
  return stats_.read(ids, context);
}

Result<void> PodmanRuntime::update(const ContainerId& name, const ResourceLimits& limits,
                                   const CallContext& context) {
  if (auto body = updateBody(limits); !body) return body.error();
  const auto now = inspect(name, context);
  if (!now) return now.error();
  if (!now->running())
    return wrongState("Podman changes the limits of a running container only; start it first");
  const auto service = engine_.service(context);
  if (!service) return service.error();
  if (!service->ownsCgroups())
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "a rootless Podman limits nothing on cgroup v1; boot with cgroup v2"};
  ResourceLimits wanted = limits;
  // The engine's limit is memory plus swap and must follow: the swap itself stays what it is.
  const ResourceLimits& present = now->spec.limits;
  if (limits.memory_bytes && !limits.memory_swap_bytes && present.memory_swap_bytes &&
      *present.memory_swap_bytes > 0)
    wanted.memory_swap_bytes =
        *limits.memory_bytes + *present.memory_swap_bytes - present.memory_bytes.value_or(0);
  auto body = updateBody(wanted);
  if (!body) return body.error();
  auto response = post(containerPath(now->id, "/update"), std::move(*body), context);
  if (!response) return response.error();
  if (!response->head.success()) return refused(*response, Subject::kUpdate);
  return {};
}

void* PodmanRuntime::extension(std::string_view name) noexcept {
  return name == ImageStore::kExtensionName ? static_cast<ImageStore*>(&images_) : nullptr;
}

}  // namespace control::podman

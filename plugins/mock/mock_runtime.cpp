#include "mock/mock_runtime.h"

#include <utility>

#include "mock/mock_call.h"
#include "mock/mock_error.h"
#include "mock/mock_event_queue.h"
#include "mock/mock_exec.h"
#include "mock/mock_output.h"
#include "mock/mock_pull.h"
#include "mock/mock_watch.h"

namespace control::mock {

using testing::Primitive;

MockRuntime::MockRuntime(HostContext host, std::shared_ptr<Engine> engine, std::string endpoint)
    : ContainerRuntime(std::move(host)),
      engine_(std::move(engine)),
      endpoint_(std::move(endpoint)),
      control_(engine_) {
  const std::lock_guard lock(engine_->mutex());
  ++engine_->users;
}

MockRuntime::~MockRuntime() {
  std::vector<std::unique_ptr<ExecSession>> orphans;
  const std::lock_guard lock(engine_->mutex());
  // They hold the engine, and take its mutex when they go.
  if (--engine_->users == 0) orphans.swap(engine_->orphans());
}

Result<RuntimeInfo> MockRuntime::info(const CallContext& context) {
  return Call(engine_, Primitive::kInfo, {}, context).run([&]() -> Result<RuntimeInfo> {
    using enum Capability;
    const Profile& profile = engine_->profile();
    RuntimeInfo info{.engine = "mock",
                     .version = profile.version.empty() ? std::string(CONTROL_VERSION)
                                                        : std::string(profile.version),
                     .api_version = std::string(profile.api_version),
                     .endpoint = endpoint_,
                     .os = "linux",
                     .architecture = "x86_64",
                     .kernel_version = "mock",
                     .cgroup_version = profile.cgroup_version,
                     .capabilities = {kStats, kStatsFromKernel, kOomReport, kUpdate, kLogs, kAttach,
                                      kExec, kEvents, kPull, kPorts, kTty}};
    if (profile.record_delay > Duration::zero()) info.capabilities.push_back(kExitFromKernel);
    return info;
  });
}

Result<CreatedContainer> MockRuntime::create(const ContainerSpec& spec,
                                             const CallContext& context) {
  return Call(engine_, Primitive::kCreate, {.name = spec.name, .labels = &spec.labels}, context,
              spec.image)
      .run([&] { return engine_->create(spec); });
}

Result<StartOutcome> MockRuntime::start(const ContainerId& id, const CallContext& context) {
  return Call(engine_, Primitive::kStart, {.container = &id}, context).run([&] {
    return engine_->start(id);
  });
}

Result<SignalOutcome> MockRuntime::signal(const ContainerId& id, Signal signal,
                                          const CallContext& context) {
  return Call(engine_, Primitive::kSignal, {.container = &id}, context, signal.name()).run([&] {
    return engine_->signal(id, signal);
  });
}

Result<std::unique_ptr<ExitWatch>> MockRuntime::watchExit(const ContainerId& id,
                                                          const CallContext& context) {
  using Watch = Result<std::unique_ptr<ExitWatch>>;
  Call call(engine_, Primitive::kWatchExit, {.container = &id}, context);
  return call.run([&]() -> Watch {
    const auto container = engine_->find(id);
    if (!container) return container.error();
    return RunWatch::open(engine_, *container, call.streamFault());
  });
}

Result<RemoveOutcome> MockRuntime::remove(const ContainerId& id, const RemoveOptions& options,
                                          const CallContext& context) {
  return Call(engine_, Primitive::kRemove, {.container = &id}, context,
              options.force ? "force" : "")
      .run([&] { return engine_->remove(id, options); });
}

Result<ContainerInfo> MockRuntime::inspect(const ContainerId& id, const CallContext& context) {
  return Call(engine_, Primitive::kInspect, {.container = &id}, context).run([&] {
    return engine_->inspect(id);
  });
}

Result<std::vector<ContainerSummary>> MockRuntime::list(const ListFilter& filter,
                                                        const CallContext& context) {
  using Rows = Result<std::vector<ContainerSummary>>;
  return Call(engine_, Primitive::kList, {.labels = &filter.labels}, context).run([&]() -> Rows {
    return engine_->list(filter);
  });
}

std::vector<Result<StatsSample>> MockRuntime::stats(std::span<const ContainerId> ids,
                                                    const CallContext& context) {
  std::vector<Result<StatsSample>> samples;
  samples.reserve(ids.size());
  for (const ContainerId& id : ids)
    samples.push_back(Call(engine_, Primitive::kStats, {.container = &id}, context).run([&] {
      return engine_->stats(id);
    }));
  return samples;
}

Result<void> MockRuntime::update(const ContainerId& id, const ResourceLimits& limits,
                                 const CallContext& context) {
  return Call(engine_, Primitive::kUpdate, {.container = &id}, context).run([&] {
    return engine_->update(id, limits);
  });
}

Result<std::unique_ptr<LogStream>> MockRuntime::logs(const ContainerId& id,
                                                     const LogOptions& options,
                                                     const CallContext& context) {
  using Log = Result<std::unique_ptr<LogStream>>;
  Call call(engine_, Primitive::kLogs, {.container = &id}, context, options.follow ? "follow" : "");
  return call.run([&]() -> Log {
    const auto container = engine_->find(id);
    if (!container) return container.error();
    return ContainerLog::open(engine_, *container, options, call.streamFault());
  });
}

Result<std::unique_ptr<Console>> MockRuntime::attach(const ContainerId& id,
                                                     const AttachOptions& options,
                                                     const CallContext& context) {
  using Attached = Result<std::unique_ptr<Console>>;
  Call call(engine_, Primitive::kAttach, {.container = &id}, context);
  return call.run([&]() -> Attached {
    const auto container = engine_->find(id);
    if (!container) return container.error();
    return AttachedConsole::open(engine_, *container, options, call.streamFault());
  });
}

Result<std::unique_ptr<ExecSession>> MockRuntime::exec(const ContainerId& id, const ExecSpec& spec,
                                                       const CallContext& context) {
  using Session = Result<std::unique_ptr<ExecSession>>;
  Call call(engine_, Primitive::kExec, {.container = &id}, context,
            spec.command.empty() ? std::string_view() : std::string_view(spec.command.front()));
  return call.run(
      [&]() -> Session {
        const auto container = engine_->find(id);
        if (!container) return container.error();
        return ExecProcess::open(engine_, *container, spec, call.streamFault());
      },
      // The process runs, although nobody was told.
      [&](Session& session) { engine_->orphans().push_back(std::move(*session)); });
}

Result<std::unique_ptr<EventStream>> MockRuntime::events(const EventFilter& filter,
                                                         const CallContext& context) {
  using Events = Result<std::unique_ptr<EventStream>>;
  Call call(engine_, Primitive::kEvents, {.labels = &filter.labels}, context);
  return call.run([&]() -> Events {
    return std::unique_ptr<EventStream>(EventQueue::open(engine_, filter, call.streamFault()));
  });
}

Result<std::unique_ptr<PullStream>> MockRuntime::pull(const std::string& reference,
                                                      const PullOptions& options,
                                                      const CallContext& context) {
  using Pull = Result<std::unique_ptr<PullStream>>;
  Call call(engine_, Primitive::kPull, {.name = reference}, context);
  return call.run(
      [&]() -> Pull { return ImagePull::open(engine_, reference, options, call.streamFault()); },
      [&](Pull&) { engine_->images().setPresent(reference, true); });
}

Result<ImageInfo> MockRuntime::findImage(const std::string& reference, const CallContext& context) {
  return Call(engine_, Primitive::kFindImage, {.name = reference}, context).run([&] {
    return engine_->images().find(reference);
  });
}

/// Beside the primitives, so that no rule of a scenario is about it.
Result<std::vector<ImageInfo>> MockRuntime::listImages(const CallContext& context) {
  if (auto checked = checkContext(context, engine_->clock()); !checked) return checked.error();
  const std::lock_guard lock(engine_->mutex());
  if (engine_->down()) return failure(ErrorCode::kUnavailable, "the mock engine is down");
  // An image that goes by its name is there as soon as it is used.
  for (const ContainerSummary& container : engine_->list({}))
    if (engine_->images().present(container.image))
      engine_->images().setPresent(container.image, true);
  return engine_->images().list();
}

Result<RemoveOutcome> MockRuntime::removeImage(const std::string& reference,
                                               const CallContext& context) {
  if (auto checked = checkContext(context, engine_->clock()); !checked) return checked.error();
  const std::lock_guard lock(engine_->mutex());
  if (engine_->down()) return failure(ErrorCode::kUnavailable, "the mock engine is down");
  if (auto checked = checkReference(reference); !checked) return checked.error();
  if (!engine_->images().present(reference)) return RemoveOutcome::kAbsent;
  for (const ContainerSummary& container : engine_->list({}))
    if (container.image == reference)
      return failure(ErrorCode::kWrongState,
                     "image " + reference + " is used by container " + container.name);
  engine_->images().setPresent(reference, false);
  return RemoveOutcome::kRemoved;
}

void* MockRuntime::extension(std::string_view name) noexcept {
  if (name == ImageStore::kExtensionName) return static_cast<ImageStore*>(this);
  if (name != testing::MockControl::kExtensionName) return nullptr;
  return static_cast<testing::MockControl*>(&control_);
}

}  // namespace control::mock

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
  const std::lock_guard lock(engine_->mutex());
  --engine_->users;
}

Result<RuntimeInfo> MockRuntime::info(const CallContext& context) {
  return Call(engine_, Primitive::kInfo, {}, context).run([&]() -> Result<RuntimeInfo> {
    using enum Capability;
    return RuntimeInfo{.engine = "mock",
                       .version = CONTROL_VERSION,
                       .endpoint = endpoint_,
                       .os = "linux",
                       .architecture = "x86_64",
                       .kernel_version = "mock",
                       .capabilities = {kStats, kStatsFromKernel, kOomReport, kUpdate, kLogs,
                                        kAttach, kExec, kEvents, kPull, kPorts, kTty}};
  });
}

Result<CreatedContainer> MockRuntime::create(const ContainerSpec& spec,
                                             const CallContext& context) {
  return Call(engine_, Primitive::kCreate, spec.name, context).run([&] {
    return engine_->create(spec);
  });
}

Result<StartOutcome> MockRuntime::start(const ContainerId& id, const CallContext& context) {
  return Call(engine_, Primitive::kStart, id.value, context).run(id, [&] {
    return engine_->start(id);
  });
}

Result<SignalOutcome> MockRuntime::signal(const ContainerId& id, Signal signal,
                                          const CallContext& context) {
  return Call(engine_, Primitive::kSignal, id.value, context, signal.name()).run(id, [&] {
    return engine_->signal(id, signal);
  });
}

Result<std::unique_ptr<ExitWatch>> MockRuntime::watchExit(const ContainerId& id,
                                                          const CallContext& context) {
  using Watch = Result<std::unique_ptr<ExitWatch>>;
  return Call(engine_, Primitive::kWatchExit, id.value, context).run(id, [&]() -> Watch {
    const auto container = engine_->find(id);
    if (!container) return container.error();
    return RunWatch::open(engine_, *container);
  });
}

Result<RemoveOutcome> MockRuntime::remove(const ContainerId& id, const RemoveOptions& options,
                                          const CallContext& context) {
  return Call(engine_, Primitive::kRemove, id.value, context).run(id, [&] {
    return engine_->remove(id, options);
  });
}

Result<ContainerInfo> MockRuntime::inspect(const ContainerId& id, const CallContext& context) {
  return Call(engine_, Primitive::kInspect, id.value, context).run(id, [&] {
    return engine_->inspect(id);
  });
}

Result<std::vector<ContainerSummary>> MockRuntime::list(const ListFilter& filter,
                                                        const CallContext& context) {
  using Rows = Result<std::vector<ContainerSummary>>;
  return Call(engine_, Primitive::kList, {}, context).run([&]() -> Rows {
    return engine_->list(filter);
  });
}

std::vector<Result<StatsSample>> MockRuntime::stats(std::span<const ContainerId> ids,
                                                    const CallContext& context) {
  Call call(engine_, Primitive::kStats, ids.size() == 1 ? ids.front().value : "", context);
  const auto refused = call.refused();
  std::vector<Result<StatsSample>> samples;
  samples.reserve(ids.size());
  for (const ContainerId& id : ids)
    samples.push_back(refused ? Result<StatsSample>(*refused) : engine_->stats(id));
  call.finish(refused ? std::optional(refused->code) : std::nullopt);
  return samples;
}

Result<void> MockRuntime::update(const ContainerId& id, const ResourceLimits& limits,
                                 const CallContext& context) {
  return Call(engine_, Primitive::kUpdate, id.value, context).run(id, [&] {
    return engine_->update(id, limits);
  });
}

Result<std::unique_ptr<LogStream>> MockRuntime::logs(const ContainerId& id,
                                                     const LogOptions& options,
                                                     const CallContext& context) {
  using Log = Result<std::unique_ptr<LogStream>>;
  return Call(engine_, Primitive::kLogs, id.value, context).run(id, [&]() -> Log {
    const auto container = engine_->find(id);
    if (!container) return container.error();
    return ContainerLog::open(engine_, *container, options);
  });
}

Result<std::unique_ptr<Console>> MockRuntime::attach(const ContainerId& id,
                                                     const AttachOptions& options,
                                                     const CallContext& context) {
  using Attached = Result<std::unique_ptr<Console>>;
  return Call(engine_, Primitive::kAttach, id.value, context).run(id, [&]() -> Attached {
    const auto container = engine_->find(id);
    if (!container) return container.error();
    return AttachedConsole::open(engine_, *container, options);
  });
}

Result<std::unique_ptr<ExecSession>> MockRuntime::exec(const ContainerId& id, const ExecSpec& spec,
                                                       const CallContext& context) {
  using Session = Result<std::unique_ptr<ExecSession>>;
  return Call(engine_, Primitive::kExec, id.value, context).run(id, [&]() -> Session {
    const auto container = engine_->find(id);
    if (!container) return container.error();
    return ExecProcess::open(engine_, *container, spec);
  });
}

Result<std::unique_ptr<EventStream>> MockRuntime::events(const EventFilter& filter,
                                                         const CallContext& context) {
  using Events = Result<std::unique_ptr<EventStream>>;
  return Call(engine_, Primitive::kEvents, {}, context).run([&]() -> Events {
    return std::unique_ptr<EventStream>(EventQueue::open(engine_, filter));
  });
}

Result<std::unique_ptr<PullStream>> MockRuntime::pull(const std::string& reference,
                                                      const PullOptions& options,
                                                      const CallContext& context) {
  using Pull = Result<std::unique_ptr<PullStream>>;
  return Call(engine_, Primitive::kPull, reference, context).run([&]() -> Pull {
    return ImagePull::open(engine_, reference, options);
  });
}

Result<ImageInfo> MockRuntime::findImage(const std::string& reference, const CallContext& context) {
  return Call(engine_, Primitive::kFindImage, reference, context).run([&] {
    return engine_->images().find(reference);
  });
}

void* MockRuntime::extension(std::string_view name) noexcept {
  if (name != testing::MockControl::kExtensionName) return nullptr;
  return static_cast<testing::MockControl*>(&control_);
}

}  // namespace control::mock

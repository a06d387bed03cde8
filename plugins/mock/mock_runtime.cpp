#include "mock/mock_runtime.h"

#include <type_traits>
#include <utility>

#include "mock/mock_streams.h"

namespace control::mock {

using testing::Primitive;

/// What all calls have in common: the journal, the caller's deadline, faults, hung containers.
class MockRuntime::Call {
 public:
  Call(const MockRuntime& runtime, Primitive primitive, std::string subject,
       const CallContext& context, std::string detail = {})
      : engine_(runtime.engine_),
        primitive_(primitive),
        context_(context),
        number_(engine_->beginCall(primitive, std::move(subject), std::move(detail))) {}

  std::optional<Error> refused() const {
    if (context_.cancellation.stop_requested())
      return Error{.code = ErrorCode::kCancelled, .message = "the caller cancelled it"};
    if (engine_->clock().now() >= context_.deadline)
      return Error{.code = ErrorCode::kDeadlineExceeded, .message = "the deadline passed"};
    return engine_->fault(primitive_);
  }

  std::optional<Error> refused(const ContainerId& id) const {
    if (auto error = refused()) return error;
    if (auto passed = HungCall::pass(engine_, id, context_); !passed) return passed.error();
    return std::nullopt;
  }

  /// `work()`, unless the call is refused.
  template <class Work>
  auto run(Work work) -> decltype(work()) {
    return finish(refused(), work);
  }
  template <class Work>
  auto run(const ContainerId& id, Work work) -> decltype(work()) {
    return finish(refused(id), work);
  }

  void finish(const std::optional<ErrorCode>& error) { engine_->finishCall(number_, error); }

 private:
  template <class Work>
  auto finish(std::optional<Error> error, Work& work) -> decltype(work()) {
    decltype(work()) result = error ? decltype(work())(std::move(*error)) : work();
    finish(result ? std::nullopt : std::optional(result.error().code));
    return result;
  }

  const std::shared_ptr<Engine>& engine_;
  const Primitive primitive_;
  const CallContext& context_;
  const std::uint64_t number_;
};

MockRuntime::MockRuntime(HostContext host, std::shared_ptr<Engine> engine, std::string endpoint)
    : ContainerRuntime(std::move(host)),
      engine_(std::move(engine)),
      endpoint_(std::move(endpoint)) {
  const std::lock_guard lock(engine_->mutex());
  ++engine_->users;
}

MockRuntime::~MockRuntime() {
  const std::lock_guard lock(engine_->mutex());
  --engine_->users;
}

Result<ContainerPtr> MockRuntime::find(const ContainerId& id) const {
  const std::lock_guard lock(engine_->mutex());
  return engine_->find(id);
}

Result<RuntimeInfo> MockRuntime::info(const CallContext& context) {
  return Call(*this, Primitive::kInfo, {}, context).run([&]() -> Result<RuntimeInfo> {
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
  return Call(*this, Primitive::kCreate, spec.name, context).run([&] {
    return engine_->create(spec);
  });
}

Result<StartOutcome> MockRuntime::start(const ContainerId& id, const CallContext& context) {
  return Call(*this, Primitive::kStart, id.value, context).run(id, [&] {
    return engine_->start(id);
  });
}

Result<SignalOutcome> MockRuntime::signal(const ContainerId& id, Signal signal,
                                          const CallContext& context) {
  return Call(*this, Primitive::kSignal, id.value, context, signal.name()).run(id, [&] {
    return engine_->signal(id, signal);
  });
}

Result<std::unique_ptr<ExitWatch>> MockRuntime::watchExit(const ContainerId& id,
                                                          const CallContext& context) {
  using Watch = Result<std::unique_ptr<ExitWatch>>;
  return Call(*this, Primitive::kWatchExit, id.value, context).run(id, [&]() -> Watch {
    const auto container = find(id);
    if (!container) return container.error();
    return RunWatch::open(engine_, *container);
  });
}

Result<RemoveOutcome> MockRuntime::remove(const ContainerId& id, const RemoveOptions& options,
                                          const CallContext& context) {
  return Call(*this, Primitive::kRemove, id.value, context).run(id, [&] {
    return engine_->remove(id, options);
  });
}

Result<ContainerInfo> MockRuntime::inspect(const ContainerId& id, const CallContext& context) {
  return Call(*this, Primitive::kInspect, id.value, context).run(id, [&] {
    return engine_->inspect(id);
  });
}

Result<std::vector<ContainerSummary>> MockRuntime::list(const ListFilter& filter,
                                                        const CallContext& context) {
  using Rows = Result<std::vector<ContainerSummary>>;
  return Call(*this, Primitive::kList, {}, context).run([&]() -> Rows {
    return engine_->list(filter);
  });
}

std::vector<Result<StatsSample>> MockRuntime::stats(std::span<const ContainerId> ids,
                                                    const CallContext& context) {
  Call call(*this, Primitive::kStats, ids.size() == 1 ? ids.front().value : "", context);
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
  return Call(*this, Primitive::kUpdate, id.value, context).run(id, [&] {
    return engine_->update(id, limits);
  });
}

Result<std::unique_ptr<LogStream>> MockRuntime::logs(const ContainerId& id,
                                                     const LogOptions& options,
                                                     const CallContext& context) {
  using Log = Result<std::unique_ptr<LogStream>>;
  return Call(*this, Primitive::kLogs, id.value, context).run(id, [&]() -> Log {
    const auto container = find(id);
    if (!container) return container.error();
    return ContainerLog::open(engine_, *container, options);
  });
}

Result<std::unique_ptr<Console>> MockRuntime::attach(const ContainerId& id,
                                                     const AttachOptions& options,
                                                     const CallContext& context) {
  using Attached = Result<std::unique_ptr<Console>>;
  return Call(*this, Primitive::kAttach, id.value, context).run(id, [&]() -> Attached {
    const auto container = find(id);
    if (!container) return container.error();
    return AttachedConsole::open(engine_, *container, options);
  });
}

Result<std::unique_ptr<ExecSession>> MockRuntime::exec(const ContainerId& id, const ExecSpec& spec,
                                                       const CallContext& context) {
  using Session = Result<std::unique_ptr<ExecSession>>;
  return Call(*this, Primitive::kExec, id.value, context).run(id, [&]() -> Session {
    const auto container = find(id);
    if (!container) return container.error();
    return ExecProcess::open(engine_, *container, spec);
  });
}

Result<std::unique_ptr<EventStream>> MockRuntime::events(const EventFilter& filter,
                                                         const CallContext& context) {
  using Events = Result<std::unique_ptr<EventStream>>;
  return Call(*this, Primitive::kEvents, {}, context).run([&]() -> Events {
    return std::unique_ptr<EventStream>(EventQueue::open(engine_, filter));
  });
}

Result<std::unique_ptr<PullStream>> MockRuntime::pull(const std::string& reference,
                                                      const PullOptions& options,
                                                      const CallContext& context) {
  using Pull = Result<std::unique_ptr<PullStream>>;
  return Call(*this, Primitive::kPull, reference, context).run([&]() -> Pull {
    return ImagePull::open(engine_, reference, options);
  });
}

Result<ImageInfo> MockRuntime::findImage(const std::string& reference, const CallContext& context) {
  return Call(*this, Primitive::kFindImage, reference, context).run([&] {
    return engine_->findImage(reference);
  });
}

void* MockRuntime::extension(std::string_view name) noexcept {
  if (name != testing::MockControl::kExtensionName) return nullptr;
  return static_cast<testing::MockControl*>(this);
}

Result<void> MockRuntime::advance(Duration by) {
  testing::FakeClock* const clock = engine_->fakeClock();
  if (clock == nullptr)
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "the engine lives by the real clock; open it with ?clock=virtual"};
  clock->advance(by);
  return {};
}

Result<void> MockRuntime::crash(const ContainerId& id, int exit_code) {
  return engine_->endRun(id, {.exit_code = exit_code & 255});
}

Result<void> MockRuntime::kill(const ContainerId& id, Signal signal) {
  return engine_->endRun(id, {.exit_code = 128 + signal.number, .signal = signal});
}

Result<void> MockRuntime::oom(const ContainerId& id) {
  return engine_->endRun(id, {.exit_code = 137, .signal = Signal::kill(), .oom = true});
}

}  // namespace control::mock

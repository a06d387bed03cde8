#include "agent/deferred_runtime.h"

#include <algorithm>
#include <utility>

namespace agent {

using namespace control;

namespace {

constexpr Duration kBetweenAttempts = std::chrono::seconds(1);
constexpr Duration kLongestAttempt = std::chrono::seconds(5);

}  // namespace

DeferredRuntime::DeferredRuntime(HostContext host, Open open, Error why)
    : ContainerRuntime(std::move(host)),
      open_(std::move(open)),
      why_not_(std::move(why)),
      next_attempt_(clock().now() + kBetweenAttempts) {}

/// One caller tries while the others are told what the last attempt said: nobody waits for another.
Result<DeferredRuntime::Engine> DeferredRuntime::engine(const CallContext& context) {
  {
    const std::lock_guard lock(mutex_);
    if (engine_) return engine_;
    if (opening_ || clock().now() < next_attempt_) return why_not_;
    opening_ = true;
  }
  auto opened = open_(context.capped(kLongestAttempt, clock()));
  const std::lock_guard lock(mutex_);
  opening_ = false;
  next_attempt_ = clock().now() + kBetweenAttempts;
  if (opened) return engine_ = *std::move(opened);
  // Whatever is wrong with it now, it was an engine that is not there when the agent started.
  why_not_ = {.code = ErrorCode::kUnavailable,
              .message = opened.error().message,
              .native = opened.error().native};
  return why_not_;
}

template <class Call>
auto DeferredRuntime::onEngine(const CallContext& context, Call call)
    -> decltype(call(std::declval<ContainerRuntime&>())) {
  const auto opened = engine(context);
  if (!opened) return opened.error();
  return call(**opened);
}

Result<RuntimeInfo> DeferredRuntime::info(const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.info(context); });
}
Result<CreatedContainer> DeferredRuntime::create(const ContainerSpec& spec,
                                                 const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.create(spec, context); });
}
Result<StartOutcome> DeferredRuntime::start(const ContainerId& id, const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.start(id, context); });
}
Result<SignalOutcome> DeferredRuntime::signal(const ContainerId& id, Signal signal,
                                              const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.signal(id, signal, context); });
}
Result<std::unique_ptr<ExitWatch>> DeferredRuntime::watchExit(const ContainerId& id,
                                                              const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.watchExit(id, context); });
}
Result<RemoveOutcome> DeferredRuntime::remove(const ContainerId& id, const RemoveOptions& options,
                                              const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.remove(id, options, context); });
}
Result<ContainerInfo> DeferredRuntime::inspect(const ContainerId& id, const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.inspect(id, context); });
}
Result<std::vector<ContainerSummary>> DeferredRuntime::list(const ListFilter& filter,
                                                            const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.list(filter, context); });
}
std::vector<Result<StatsSample>> DeferredRuntime::stats(std::span<const ContainerId> ids,
                                                        const CallContext& context) {
  const auto opened = engine(context);
  if (!opened) return std::vector<Result<StatsSample>>(ids.size(), opened.error());
  return (*opened)->stats(ids, context);
}
Result<void> DeferredRuntime::update(const ContainerId& id, const ResourceLimits& limits,
                                     const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.update(id, limits, context); });
}
Result<std::unique_ptr<LogStream>> DeferredRuntime::logs(const ContainerId& id,
                                                         const LogOptions& options,
                                                         const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.logs(id, options, context); });
}
Result<std::unique_ptr<Console>> DeferredRuntime::attach(const ContainerId& id,
                                                         const AttachOptions& options,
                                                         const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.attach(id, options, context); });
}
Result<std::unique_ptr<ExecSession>> DeferredRuntime::exec(const ContainerId& id,
                                                           const ExecSpec& spec,
                                                           const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.exec(id, spec, context); });
}
Result<std::unique_ptr<EventStream>> DeferredRuntime::events(const EventFilter& filter,
                                                             const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.events(filter, context); });
}
Result<std::unique_ptr<PullStream>> DeferredRuntime::pull(const std::string& reference,
                                                          const PullOptions& options,
                                                          const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.pull(reference, options, context); });
}
Result<ImageInfo> DeferredRuntime::findImage(const std::string& reference,
                                             const CallContext& context) {
  return onEngine(context, [&](auto& engine) { return engine.findImage(reference, context); });
}

void* DeferredRuntime::extension(std::string_view name) noexcept {
  const std::lock_guard lock(mutex_);
  return engine_ ? engine_->extension(name) : nullptr;
}

}  // namespace agent

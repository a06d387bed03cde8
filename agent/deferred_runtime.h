#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include <libcontrol/runtime.h>

namespace agent {

/// A runtime whose engine was not there when the agent started: every call tries to open it, at
/// most once a second, and fails with kUnavailable until that works. From then on it is the engine.
class DeferredRuntime : public control::ContainerRuntime {
 public:
  using Open = std::function<control::Result<std::shared_ptr<ContainerRuntime>>(
      const control::CallContext&)>;

  /// `why`: what the first attempt said.
  DeferredRuntime(control::HostContext host, Open open, control::Error why);

  control::Result<control::RuntimeInfo> info(const control::CallContext& context) override;
  control::Result<control::CreatedContainer> create(const control::ContainerSpec& spec,
                                                    const control::CallContext& context) override;
  control::Result<control::StartOutcome> start(const control::ContainerId& id,
                                               const control::CallContext& context) override;
  control::Result<control::SignalOutcome> signal(const control::ContainerId& id,
                                                 control::Signal signal,
                                                 const control::CallContext& context) override;
  control::Result<std::unique_ptr<control::ExitWatch>> watchExit(
      const control::ContainerId& id, const control::CallContext& context) override;
  control::Result<control::RemoveOutcome> remove(const control::ContainerId& id,
                                                 const control::RemoveOptions& options,
                                                 const control::CallContext& context) override;
  control::Result<control::ContainerInfo> inspect(const control::ContainerId& id,
                                                  const control::CallContext& context) override;
  control::Result<std::vector<control::ContainerSummary>> list(
      const control::ListFilter& filter, const control::CallContext& context) override;
  std::vector<control::Result<control::StatsSample>> stats(
      std::span<const control::ContainerId> ids, const control::CallContext& context) override;
  control::Result<void> update(const control::ContainerId& id,
                               const control::ResourceLimits& limits,
                               const control::CallContext& context) override;
  control::Result<std::unique_ptr<control::LogStream>> logs(
      const control::ContainerId& id, const control::LogOptions& options,
      const control::CallContext& context) override;
  control::Result<std::unique_ptr<control::Console>> attach(
      const control::ContainerId& id, const control::AttachOptions& options,
      const control::CallContext& context) override;
  control::Result<std::unique_ptr<control::ExecSession>> exec(
      const control::ContainerId& id, const control::ExecSpec& spec,
      const control::CallContext& context) override;
  control::Result<std::unique_ptr<control::EventStream>> events(
      const control::EventFilter& filter, const control::CallContext& context) override;
  control::Result<std::unique_ptr<control::PullStream>> pull(
      const std::string& reference, const control::PullOptions& options,
      const control::CallContext& context) override;
  control::Result<control::ImageInfo> findImage(const std::string& reference,
                                                const control::CallContext& context) override;
  void* extension(std::string_view name) noexcept override;

 private:
  using Engine = std::shared_ptr<ContainerRuntime>;

  control::Result<Engine> engine(const control::CallContext& context);
  template <class Call>
  auto onEngine(const control::CallContext& context, Call call)
      -> decltype(call(std::declval<ContainerRuntime&>()));

  const Open open_;
  std::mutex mutex_;
  Engine engine_;
  control::Error why_not_;
  bool opening_ = false;
  control::TimePoint next_attempt_;
};

}  // namespace agent

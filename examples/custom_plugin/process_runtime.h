#pragma once

#include <libcontrol/runtime.h>

#include "launch.h"
#include "stats.h"
#include "store.h"

namespace process_engine {

/// An engine whose containers are plain processes of this host.
class ProcessRuntime final : public control::ContainerRuntime {
 public:
  ProcessRuntime(control::HostContext host, std::string endpoint, std::string keeper_program,
                 Store store, std::unique_ptr<Monitor> monitor);

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
  /// The container, unless the context has ended.
  control::Result<Container> find(const control::ContainerId& id,
                                  const control::CallContext& context) const;
  control::Result<control::StatsSample> sample(const control::ContainerId& id,
                                               const std::vector<ProcessStat>& all,
                                               const control::CallContext& context);

  const std::string endpoint_;
  const Store store_;
  const Engine engine_;
  Sampler sampler_{};
};

}  // namespace process_engine

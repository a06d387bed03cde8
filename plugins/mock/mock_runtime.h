#pragma once

#include <memory>
#include <string>

#include <libcontrol/images.h>
#include <libcontrol/runtime.h>

#include "mock/mock_control.h"
#include "mock/mock_engine.h"

namespace control::mock {

/// A connection to a mock engine.
class MockRuntime final : public ContainerRuntime, private ImageStore {
 public:
  /// `host.clock` is the engine's clock.
  MockRuntime(HostContext host, std::shared_ptr<Engine> engine, std::string endpoint);
  ~MockRuntime() override;

  Result<RuntimeInfo> info(const CallContext& context) override;
  Result<CreatedContainer> create(const ContainerSpec& spec, const CallContext& context) override;
  Result<StartOutcome> start(const ContainerId& id, const CallContext& context) override;
  Result<SignalOutcome> signal(const ContainerId& id, Signal signal,
                               const CallContext& context) override;
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override;
  Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options,
                               const CallContext& context) override;
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override;
  Result<std::vector<ContainerSummary>> list(const ListFilter& filter,
                                             const CallContext& context) override;
  std::vector<Result<StatsSample>> stats(std::span<const ContainerId> ids,
                                         const CallContext& context) override;
  Result<void> update(const ContainerId& id, const ResourceLimits& limits,
                      const CallContext& context) override;
  Result<std::unique_ptr<LogStream>> logs(const ContainerId& id, const LogOptions& options,
                                          const CallContext& context) override;
  Result<std::unique_ptr<Console>> attach(const ContainerId& id, const AttachOptions& options,
                                          const CallContext& context) override;
  Result<std::unique_ptr<ExecSession>> exec(const ContainerId& id, const ExecSpec& spec,
                                            const CallContext& context) override;
  Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                              const CallContext& context) override;
  Result<std::unique_ptr<PullStream>> pull(const std::string& reference, const PullOptions& options,
                                           const CallContext& context) override;
  Result<ImageInfo> findImage(const std::string& reference, const CallContext& context) override;
  using ContainerRuntime::extension;
  void* extension(std::string_view name) noexcept override;

  Result<std::vector<ImageInfo>> listImages(const CallContext& context) override;
  Result<RemoveOutcome> removeImage(const std::string& reference,
                                    const CallContext& context) override;

 private:
  const std::shared_ptr<Engine> engine_;
  const std::string endpoint_;
  Control control_;
};

}  // namespace control::mock

#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <libcontrol/runtime.h>

#include "docker/docker_api.h"
#include "docker/docker_engine.h"
#include "engine/images.h"
#include "engine/start_notices.h"
#include "engine/stats_reader.h"

namespace control::docker {

/// A Docker engine. See ContainerRuntime for what each method promises.
class DockerRuntime final : public ContainerRuntime {
 public:
  DockerRuntime(engine::Address address, HostContext host, engine::HostRoots roots = {});

  /// Agrees on an API version: fails when the engine is not there or not a Docker that works.
  Result<void> connect(const CallContext& context);

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
  void* extension(std::string_view name) noexcept override;

 private:
  /// The container of exactly that id or name, by its full id: what is kept of it is kept by that.
  Result<ContainerId> exactly(const ContainerId& id, const CallContext& context);
  Result<Inspection> look(const ContainerId& id, const CallContext& context);
  Result<RuntimeInfo> ask(const std::string& api_version, const CallContext& context);
  Result<RemoveOutcome> waitUntilGone(const ContainerId& id, const CallContext& context);
  void tellWatches(const ContainerId& id, bool started, const CallContext& context);
  /// `body` may be empty.
  Result<engine::HttpResponse> post(std::string target, std::string body,
                                    const CallContext& context);

  Api api_;
  engine::ApiImageStore<Api, Subject, Subject::kImage> images_{api_};
  const engine::HostRoots roots_;
  DockerEngine engine_;
  engine::StartNotices notices_{};
  engine::StatsReader stats_;
  std::mutex mutex_;
  RuntimeInfo info_{};                 ///< guarded by mutex_
  std::uint64_t info_generation_ = 0;  ///< guarded by mutex_; of the agreement info_ is from
};

}  // namespace control::docker

#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <libcontrol/runtime.h>

#include "engine/cgroup_limits.h"
#include "engine/images.h"
#include "engine/start_notices.h"
#include "engine/stats_reader.h"
#include "podman/podman_api.h"
#include "podman/podman_console.h"
#include "podman/podman_engine.h"

namespace control::podman {

/// A Podman service. See ContainerRuntime for what each method promises.
class PodmanRuntime final : public ContainerRuntime {
 public:
  PodmanRuntime(engine::Address address, HostContext host, engine::HostRoots roots = {});

  /// Fails when the service is not there or not a Podman that works.
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
  Result<ContainerInfo> look(const ContainerId& id, const CallContext& context);
  Result<engine::HttpResponse> postStart(const ContainerId& id, const CallContext& context);
  Result<RemoveOutcome> tryRemove(const ContainerId& id, const std::string& query,
                                  const CallContext& context);
  /// Nothing is kept of a container that is no more.
  RemoveOutcome gone(const ContainerId& id, RemoveOutcome outcome);
  void tellWatches(const ContainerId& id, bool started, const CallContext& context);
  engine::HttpRequest logRequest(const PodmanRun& run, const LogOptions& options,
                                 std::optional<WallTime> since);
  Result<std::unique_ptr<LogStream>> followLog(const PodmanRun& run, const LogOptions& options,
                                               const CallContext& context);
  /// `body` may be empty.
  Result<engine::HttpResponse> post(std::string target, std::string body,
                                    const CallContext& context);

  Api api_;
  engine::ApiImageStore<Api, Subject, Subject::kImage> images_{api_};
  const engine::HostRoots roots_;
  PodmanEngine engine_;
  engine::CgroupLimits limits_;
  engine::StartNotices notices_{};
  engine::StatsReader stats_;
  StdinHolder inputs_;
};

}  // namespace control::podman

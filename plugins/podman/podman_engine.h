#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/console.h"
#include "engine/memory.h"
#include "engine/stats_reader.h"
#include "podman/podman_api.h"
#include "podman/podman_facts.h"
#include "podman/podman_json.h"

namespace control::podman {

/// Podman's answers to what all plugins ask for waiting, measuring and exec sessions.
///
/// A wait of Podman's own says nothing until it is over, and of a container that never ran it says
/// at once that it ended with 0. So waits here look at the container's state, as Podman's do inside
/// the service, and ask the events that the service kept where a run was over before that.
class PodmanEngine final : public engine::StatsSource, public engine::ExecSource {
 public:
  explicit PodmanEngine(Api& api) : api_(api), facts_(api) {}

  Result<PodmanRun> look(const std::string& id, const CallContext& context);
  /// The text of an inspection of exactly that container: a part of an id finds none.
  Result<std::string> inspectText(const std::string& id, const CallContext& context);
  /// What the list says of a container when its inspection failed as `inspection` says: that of one
  /// which the engine's storage has lost always fails. A service that is killed while it removes
  /// one leaves such a container, and 4.3 on a busy host, one that may run. That error, when it is
  /// not listed either.
  Result<ListedContainer> listed(const std::string& id, const Error& inspection,
                                 const CallContext& context);
  /// Keeps an inspection, for listed() and for what no list tells.
  void inspected(const ContainerInfo& info);
  std::optional<ContainerInfo> lastInspection(const std::string& id);
  void forget(const std::string& id);
  /// What the service is, as ServiceFacts has it.
  Result<ServiceInfo> service(const CallContext& context);

  Result<engine::RunState> inspectRun(const std::string& id, const CallContext& context) override;
  Result<std::unique_ptr<engine::EngineWait>> openNextExit(const engine::RunState& before,
                                                           const CallContext& context) override;
  Result<std::unique_ptr<engine::EngineWait>> openNotRunning(const std::string& id,
                                                             const CallContext& context) override;
  std::optional<int> pastExitCode(const RunId& run, const CallContext& context) override;
  void oomSeen(const RunId& run, bool killed) override { memory_.oomSeen(run, killed); }
  Result<StatsSample> readStats(const engine::RunState& run, const CallContext& context) override;

  Result<engine::ExecState> inspectExec(const std::string& exec_id,
                                        const CallContext& context) override;
  Result<void> resizeExec(const std::string& exec_id, int columns, int rows,
                          const CallContext& context) override;
  std::optional<ErrorCode> startFailure(int exit_code, std::string_view output) const override;

  /// The first exit that the service's events tell of after `since`; with `of_next_run` the first
  /// one that follows a start.
  Result<std::optional<int>> exitInEvents(const std::string& id, std::optional<WallTime> since,
                                          bool of_next_run, const CallContext& context);

  /// kCancelled, kDeadlineExceeded: the call ends before.
  Result<void> pause(Duration duration, const CallContext& context);

  Clock& clock() const noexcept override { return api_.clock(); }
  engine::Memory& memory() noexcept { return memory_; }

 private:
  void complete(PodmanRun& run);

  Api& api_;
  engine::Memory memory_{};
  ServiceFacts facts_;
  std::mutex mutex_;
  std::map<std::string, ContainerInfo> inspections_{};  ///< guarded by mutex_; by full id, the last
};

}  // namespace control::podman

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "docker/docker_api.h"
#include "docker/docker_json.h"
#include "engine/console.h"
#include "engine/memory.h"
#include "engine/stats_reader.h"

namespace control::docker {

/// Docker's answers to what all plugins ask for waiting, measuring and exec sessions.
class DockerEngine final : public engine::StatsSource, public engine::ExecSource {
 public:
  explicit DockerEngine(Api& api) : api_(api) {}

  Result<RunState> inspectRun(const std::string& id, const CallContext& context) override;
  Result<std::unique_ptr<engine::EngineWait>> openNextExit(const RunState& before,
                                                           const CallContext& context) override;
  Result<std::unique_ptr<engine::EngineWait>> openNotRunning(const std::string& id,
                                                             const CallContext& context) override;
  void oomSeen(const RunId& run, bool killed) override { memory_.oomSeen(run, killed); }
  Result<StatsSample> readStats(const RunState& run, const CallContext& context) override;

  Result<ExecState> inspectExec(const std::string& exec_id, const CallContext& context) override;
  Result<void> resizeExec(const std::string& exec_id, int columns, int rows,
                          const CallContext& context) override;
  std::optional<ErrorCode> startFailure(int exit_code, std::string_view output) const override;

  Clock& clock() const noexcept override { return api_.clock(); }
  engine::Memory& memory() noexcept { return memory_; }

 private:
  Result<std::unique_ptr<engine::EngineWait>> openWait(const std::string& id, const char* condition,
                                                       const CallContext& context);

  Api& api_;
  engine::Memory memory_{};
};

}  // namespace control::docker

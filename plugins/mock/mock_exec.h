#pragma once

#include <array>
#include <memory>
#include <optional>

#include "mock/mock_engine.h"
#include "mock/mock_process.h"
#include "mock/mock_stream.h"

namespace control::mock {

/// A process beside process 1.
class ExecProcess final : public OutputStream<ExecSession>, private Process::Host {
 public:
  static Result<std::unique_ptr<ExecSession>> open(const std::shared_ptr<Engine>& engine,
                                                   const ContainerPtr& container,
                                                   const ExecSpec& spec, StreamFault fault);
  ~ExecProcess() override;

  Result<void> write(std::string_view bytes, const CallContext& context) override;
  Result<void> closeInput(const CallContext& context) override;
  Result<int> exitCode(const CallContext& context) override;
  Result<void> resize(int columns, int rows, const CallContext& context) override;
  void onRunOver(const ExitStatus&) override;

 private:
  ExecProcess(std::shared_ptr<Engine> engine, ContainerPtr container, const ExecSpec& spec,
              Program program, StreamFault fault);
  Result<void> checkInput(const CallContext& context) const;

  TimePoint now() const override;
  void print(OutputSource source, std::string_view bytes) override;
  void setTimer(Process::Timer timer, TimePoint at) override;
  void clearTimer(Process::Timer timer) override;
  void ended(const ProcessEnd& end) override;
  void complain();

  const bool tty_;
  const bool takes_input_;
  const Program program_;
  const bool missing_;
  Process process_;
  std::array<Timers::Id, Process::kTimers> timers_{};
  std::optional<int> exit_code_;
  Run* running_in_ = nullptr;  // while it runs
};

}  // namespace control::mock

#pragma once

#include <memory>
#include <string>

#include "mock/mock_engine.h"
#include "mock/mock_stream.h"

namespace control::mock {

class ContainerLog final : public OutputStream<LogStream> {
 public:
  static Result<std::unique_ptr<LogStream>> open(const std::shared_ptr<Engine>& engine,
                                                 const ContainerPtr& container,
                                                 const LogOptions& options, StreamFault fault);
  ~ContainerLog() override { detach(); }

  void onOutput(OutputSource source, const std::string& bytes, WallTime at) override;
  void onRunEnded(const ExitStatus&) override { ended_ = true; }
  void onRemoved() override { ended_ = true; }

 private:
  ContainerLog(std::shared_ptr<Engine> engine, ContainerPtr container, LogOptions options,
               StreamFault fault)
      : OutputStream(std::move(engine), std::move(container), std::move(fault)),
        options_(options) {}
  WallTime stamp(WallTime at) const;
  bool wanted(OutputSource source, WallTime at) const;
  void putHistory();

  const LogOptions options_;
};

/// The streams of process 1.
class AttachedConsole final : public OutputStream<Console> {
 public:
  static Result<std::unique_ptr<Console>> open(const std::shared_ptr<Engine>& engine,
                                               const ContainerPtr& container,
                                               const AttachOptions& options, StreamFault fault);
  ~AttachedConsole() override;

  Result<void> write(std::string_view bytes, const CallContext& context) override;
  Result<void> closeInput(const CallContext& context) override;
  void onOutput(OutputSource source, const std::string& bytes, WallTime at) override;
  void onRunEnded(const ExitStatus&) override { ended_ = true; }
  void onRemoved() override { ended_ = true; }

 private:
  AttachedConsole(std::shared_ptr<Engine> engine, ContainerPtr container, AttachOptions options,
                  StreamFault fault)
      : OutputStream(std::move(engine), std::move(container), std::move(fault)),
        options_(options) {}
  Result<void> checkInput(const CallContext& context) const;

  const AttachOptions options_;
  bool input_ended_ = false;
};

}  // namespace control::mock

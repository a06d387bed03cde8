#pragma once

#include <memory>
#include <mutex>

#include <libcontrol/testing/mock_control.h>

#include "mock/mock_engine.h"

namespace control::mock {

/// A runtime's way around its own calls.
class Control final : public testing::MockControl {
 public:
  explicit Control(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  TimePoint now() const override { return engine_->clock().now(); }
  testing::FakeClock* fakeClock() noexcept override { return engine_->fakeClock(); }
  Result<void> advance(Duration by) override;
  Result<void> crash(const ContainerId& id, int exit_code) override;
  Result<void> kill(const ContainerId& id, Signal signal) override;
  Result<void> oom(const ContainerId& id) override;
  Result<void> pause(const ContainerId& id) override;
  Result<void> unpause(const ContainerId& id) override;
  Result<void> print(const ContainerId& id, std::string_view bytes) override;
  Result<void> setHung(const ContainerId& id, bool hung) override;
  void engineDown(bool down) override;
  void failNext(testing::Primitive primitive, Error error, int times) override;
  void addImage(const std::string& reference) override;
  void removeImage(const std::string& reference) override;
  std::vector<testing::JournalEntry> journal() const override;
  void reset() override;

 private:
  const std::shared_ptr<Engine> engine_;
};

}  // namespace control::mock

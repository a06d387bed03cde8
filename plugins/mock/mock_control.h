#pragma once

#include <memory>
#include <utility>

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
  Result<Duration> advanceToIdle(Duration limit) override;
  Result<void> inject(testing::Rule rule) override;
  std::vector<std::string> unusedRules() const override;
  void forgetUnused() override;
  Result<void> perform(const testing::EngineAction& action) override;
  Result<void> schedule(Duration after, testing::EngineAction action) override;
  std::vector<testing::JournalEntry> journal() const override;
  std::string journalText() const override;
  std::size_t openStreams() const override;
  std::size_t liveThreads() const override;
  void reset() override;

 private:
  const std::shared_ptr<Engine> engine_;
};

}  // namespace control::mock

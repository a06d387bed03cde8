#include "supervise/log_thread.h"

#include <gtest/gtest.h>

#include <chrono>
#include <latch>
#include <thread>

namespace control {
namespace {

TEST(LogThread, EndsWhenItIsStoppedInTheMidstOfAChange) {
  for (int i = 0; i < 3000; ++i) {
    LogThread thread({.output = [](std::uint64_t, std::vector<Output>) {},
                      .ended = [](std::uint64_t, const std::optional<Error>&) {}});
    thread.remove(1);
    if (i % 2 == 0) std::this_thread::yield();
    thread.stop();
  }
}

/// One that is over at once.
class EndedLog final : public LogStream {
 public:
  Result<std::optional<Output>> next(const CallContext&) override {
    return std::optional<Output>();
  }
  int pollFd() const noexcept override { return -1; }
  void cancel() noexcept override {}
};

TEST(LogThread, SaysWhetherItsThreadTurns) {
  std::latch hangs(1), goes_on(1);
  LogThread thread({.output = [](std::uint64_t, std::vector<Output>) {},
                    .ended =
                        [&](std::uint64_t, const std::optional<Error>&) {
                          hangs.count_down();
                          goes_on.wait();
                        }});
  EXPECT_TRUE(thread.turns());
  thread.add(1, std::make_unique<EndedLog>());
  hangs.wait();
  static_cast<void>(thread.turns());
  EXPECT_FALSE(thread.turns());
  EXPECT_FALSE(thread.turns());
  goes_on.count_down();
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!thread.turns() && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  EXPECT_LT(std::chrono::steady_clock::now(), give_up);
}

}  // namespace
}  // namespace control

#include "supervise/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "supervise/timers.h"

namespace control {
namespace {

TEST(Executor, RunsEveryJobBeforeItIsDrained) {
  std::atomic<int> ran{0};
  Executor executor;
  for (int i = 0; i < 1000; ++i) executor.submit([&] { ++ran; });
  executor.drain();
  EXPECT_EQ(ran, 1000);
}

TEST(Executor, NoJobWaitsForAnotherToEnd) {
  // Each of 50 jobs ends only when all 50 have begun.
  std::latch all_began(50);
  Executor executor;
  for (int i = 0; i < 50; ++i) executor.submit([&] { all_began.arrive_and_wait(); });
  executor.drain();
}

TEST(Executor, RunsWhatAJobSubmitsWhileItIsDrained) {
  std::atomic<int> ran{0};
  Executor executor;
  executor.submit([&] { executor.submit([&] { executor.submit([&] { ++ran; }); }); });
  executor.drain();
  EXPECT_EQ(ran, 1);
}

TEST(Timers, RunInTheOrderOfTheirMoments) {
  std::vector<int> order;
  std::latch done(3);
  Timers timers(systemClock());
  const auto note = [&](int which) {
    return [&, which] {
      order.push_back(which);
      done.count_down();
    };
  };
  timers.after(std::chrono::milliseconds(30), note(3));
  timers.after(std::chrono::milliseconds(10), note(1));
  timers.after(std::chrono::milliseconds(20), note(2));
  done.wait();
  timers.stop();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(Timers, ForgetWhatIsStillToComeWhenStopped) {
  std::atomic<bool> ran{false};
  Timers timers(systemClock());
  timers.after(std::chrono::hours(1), [&] { ran = true; });
  timers.stop();
  timers.after(Duration::zero(), [&] { ran = true; });
  EXPECT_FALSE(ran);
}

TEST(Timers, SayWhetherTheirThreadTurns) {
  Timers timers(systemClock());
  const auto turns_again = [&] {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!timers.turns() && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
    return std::chrono::steady_clock::now() < give_up;
  };
  EXPECT_TRUE(timers.turns());
  EXPECT_TRUE(turns_again());
  std::latch hangs(1), goes_on(1);
  timers.after(Duration::zero(), [&] {
    hangs.count_down();
    goes_on.wait();
  });
  hangs.wait();
  static_cast<void>(timers.turns());
  EXPECT_FALSE(timers.turns());
  EXPECT_FALSE(timers.turns());
  goes_on.count_down();
  EXPECT_TRUE(turns_again());
}

}  // namespace
}  // namespace control

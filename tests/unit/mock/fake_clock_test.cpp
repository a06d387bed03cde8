#include <libcontrol/testing/fake_clock.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace control::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

TEST(FakeClock, StandsStillUntilItIsMoved) {
  FakeClock clock;
  const TimePoint before = clock.now();
  const WallTime wall_before = clock.wallNow();
  EXPECT_GT(before, TimePoint{});
  clock.advance(90s);
  EXPECT_EQ(clock.now() - before, 90s);
  EXPECT_EQ(clock.wallNow() - wall_before, 90s);
}

TEST(FakeClock, NeverGoesBack) {
  FakeClock clock;
  const TimePoint before = clock.now();
  clock.advanceTo(before - 1s);
  EXPECT_EQ(clock.now(), before);
}

TEST(FakeClock, RunsTimersInOrderOfTimeThenOfScheduling) {
  FakeClock clock;
  std::vector<int> order;
  const TimePoint start = clock.now();
  clock.schedule(start + 2s, [&] { order.push_back(3); });
  clock.schedule(start + 1s, [&] { order.push_back(1); });
  clock.schedule(start + 1s, [&] { order.push_back(2); });
  clock.schedule(start + 9s, [&] { order.push_back(4); });
  clock.advance(5s);
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST(FakeClock, ShowsATimerItsOwnMoment) {
  FakeClock clock;
  const TimePoint start = clock.now();
  TimePoint seen{};
  clock.schedule(start + 1s, [&] { seen = clock.now(); });
  clock.advance(5s);
  EXPECT_EQ(seen - start, 1s);
}

TEST(FakeClock, RunsATimerThatATimerScheduledOnTheSameWay) {
  FakeClock clock;
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    clock.schedule(clock.now() + 1s, again);
  };
  clock.schedule(clock.now() + 1s, again);
  clock.advance(10s);
  EXPECT_EQ(runs, 10);
}

TEST(FakeClock, ForgetsAnUnscheduledTimer) {
  FakeClock clock;
  bool ran = false;
  const auto id = clock.schedule(clock.now() + 1s, [&] { ran = true; });
  clock.unschedule(id);
  clock.advance(2s);
  EXPECT_FALSE(ran);
  EXPECT_FALSE(clock.nextPending());
}

struct Waiting {
  std::mutex mutex;
  std::condition_variable changed;
  bool flag = false;
};

TEST(FakeClock, DoesNotWaitForADeadlineInThePast) {
  FakeClock clock;
  Waiting waiting;
  std::unique_lock lock(waiting.mutex);
  EXPECT_FALSE(clock.waitUntil(lock, waiting.changed, clock.now()));
  EXPECT_TRUE(lock.owns_lock());
}

TEST(FakeClock, WakesAWaiterWhenItsDeadlineIsReached) {
  FakeClock clock;
  Waiting waiting;
  const TimePoint deadline = clock.now() + 1min;
  std::thread waiter([&] {
    std::unique_lock lock(waiting.mutex);
    while (clock.waitUntil(lock, waiting.changed, deadline)) {
    }
  });
  clock.awaitWaiters(1);
  EXPECT_EQ(clock.nextPending(), deadline);
  clock.advance(1min);
  waiter.join();
}

TEST(FakeClock, WakesAWaiterThatIsNotifiedWithoutMoving) {
  FakeClock clock;
  Waiting waiting;
  const TimePoint before = clock.now();
  std::thread waiter([&] {
    std::unique_lock lock(waiting.mutex);
    while (!waiting.flag) clock.waitUntil(lock, waiting.changed, TimePoint::max());
  });
  clock.awaitWaiters(1);
  {
    const std::lock_guard lock(waiting.mutex);
    waiting.flag = true;
    waiting.changed.notify_all();
  }
  waiter.join();
  EXPECT_EQ(clock.now(), before);
}

TEST(FakeClock, LosesNoWakeUpWhenManyWaitWhileItMoves) {
  FakeClock clock;
  const TimePoint end = clock.now() + 500ms;
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i)
    waiters.emplace_back([&clock, end] {
      while (clock.now() < end) {
        // The mutex and the condition go right after the wait.
        Waiting waiting;
        std::unique_lock lock(waiting.mutex);
        clock.waitUntil(lock, waiting.changed, clock.now() + 1ms);
      }
    });
  std::thread mover([&] {
    while (clock.now() < end) clock.advance(1ms);
  });
  mover.join();
  // One that looked at the time just before the last move waits a little longer.
  clock.advance(1h);
  for (std::thread& waiter : waiters) {
    clock.advance(1ms);
    waiter.join();
  }
}

TEST(FakeClock, LetsOneThreadLiveThroughHoursOnItsOwn) {
  FakeClock clock(true);
  Waiting waiting;
  std::unique_lock lock(waiting.mutex);
  const TimePoint before = clock.now();
  EXPECT_FALSE(clock.waitUntil(lock, waiting.changed, before + 5h));
  EXPECT_EQ(clock.now() - before, 5h);
}

TEST(FakeClock, JumpsNoFurtherThanTheEarliestTimer) {
  FakeClock clock(true);
  Waiting waiting;
  std::unique_lock lock(waiting.mutex);
  const TimePoint before = clock.now();
  bool ran = false;
  clock.schedule(before + 1s, [&] {
    const std::lock_guard inner(waiting.mutex);
    ran = true;
  });
  EXPECT_TRUE(clock.waitUntil(lock, waiting.changed, before + 5h));
  EXPECT_TRUE(ran);
  EXPECT_EQ(clock.now() - before, 1s);
}

TEST(FakeClock, WithNothingToJumpToWaitsForANotification) {
  FakeClock clock(true);
  Waiting waiting;
  std::thread notifier([&] {
    clock.awaitWaiters(1);
    const std::lock_guard lock(waiting.mutex);
    waiting.flag = true;
    waiting.changed.notify_all();
  });
  {
    std::unique_lock lock(waiting.mutex);
    while (!waiting.flag) clock.waitUntil(lock, waiting.changed, TimePoint::max());
  }
  notifier.join();
}

// Each of these waited for itself, and so for ever.
TEST(FakeClock, RefusesATimerThatMovesIt) {
  FakeClock clock;
  clock.schedule(clock.now() + 1s, [&] { clock.advance(1s); });
  EXPECT_THROW(clock.advance(5s), std::logic_error);
  clock.schedule(clock.now() + 1s, [&] { clock.setAutoAdvance(true); });
  EXPECT_THROW(clock.advance(5s), std::logic_error);
}

TEST(FakeClock, RefusesATimerThatWaitsOnIt) {
  FakeClock clock;
  Waiting waiting;
  clock.schedule(clock.now() + 1s, [&] {
    std::unique_lock lock(waiting.mutex);
    clock.waitUntil(lock, waiting.changed, clock.now() + 1s);
  });
  EXPECT_THROW(clock.advance(5s), std::logic_error);
}

TEST(FakeClock, GoesOnAfterARefusedTimer) {
  FakeClock clock;
  clock.schedule(clock.now() + 1s, [&] { clock.advance(1s); });
  EXPECT_THROW(clock.advance(5s), std::logic_error);
  const TimePoint before = clock.now();
  clock.advance(2s);
  EXPECT_EQ(clock.now() - before, 2s);
}

TEST(FakeClock, MovesOnInStepsUntilAConditionHolds) {
  FakeClock clock;
  const TimePoint start = clock.now();
  bool ran = false;
  clock.schedule(start + 25s, [&] { ran = true; });
  EXPECT_TRUE(clock.advanceUntil([&] { return ran; }, 10s));
  EXPECT_EQ(clock.now() - start, 30s);
  EXPECT_TRUE(clock.advanceUntil([&] { return ran; }, 10s));
  EXPECT_EQ(clock.now() - start, 30s);
}

TEST(FakeClock, StopsMovingOnWhenAConditionNeverHolds) {
  FakeClock clock;
  const TimePoint start = clock.now();
  EXPECT_FALSE(clock.advanceUntil([] { return false; }, 10s, 60s));
  EXPECT_EQ(clock.now() - start, 60s);
}

TEST(FakeClock, MovesOnForAThreadThatSetsOneTimerAfterTheOther) {
  FakeClock clock;
  std::atomic<bool> done{false};
  std::thread worker([&] {
    for (int i = 0; i < 5; ++i) {
      Waiting waiting;
      std::unique_lock lock(waiting.mutex);
      const TimePoint deadline = clock.now() + 7s;
      while (clock.waitUntil(lock, waiting.changed, deadline)) {
      }
    }
    done = true;
  });
  EXPECT_TRUE(clock.advanceUntil([&] { return done.load(); }, 1s, 24h));
  worker.join();
}

TEST(FakeClock, WaitsForThreadsThatWorkBeforeItMovesOn) {
  FakeClock clock;
  const TimePoint start = clock.now();
  std::atomic<bool> done{false};
  std::thread worker([&] {
    const auto until = std::chrono::steady_clock::now() + 50ms;
    while (std::chrono::steady_clock::now() < until) {
    }
    done = true;
  });
  EXPECT_TRUE(clock.advanceUntil([&] { return done.load(); }, 1s));
  EXPECT_EQ(clock.now(), start);
  worker.join();
}

TEST(OtherThreads, OneThatWorksOnIsNotAwaitedForEver) {
  std::atomic<bool> over{false};
  std::thread worker([&] {
    while (!over) {
    }
  });
  EXPECT_FALSE(awaitOtherThreads(10ms));
  over = true;
  worker.join();
  EXPECT_TRUE(awaitOtherThreads(10s));
}

TEST(FakeClock, DoesNotAwaitWaitersForEver) {
  FakeClock clock;
  EXPECT_FALSE(clock.awaitWaiters(1, 1ms));
}

}  // namespace
}  // namespace control::testing

#include "agent/panel/server_work.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

namespace agent {
namespace {

using Pace = ServerWork::Pace;
constexpr std::chrono::seconds kPatience{30};

/// A task that runs until it is let go.
class Held {
 public:
  ServerWork::Task task() {
    return [this](const std::stop_token& stop) {
      began_.set_value();
      const std::stop_callback stopped(stop, [this] { letGo(); });
      let_go_.get_future().wait();
    };
  }
  bool began() { return began_.get_future().wait_for(kPatience) == std::future_status::ready; }
  void letGo() {
    if (!gone_.exchange(true)) let_go_.set_value();
  }

 private:
  std::promise<void> began_;
  std::promise<void> let_go_;
  std::atomic<bool> gone_{false};
};

bool runs(ServerWork& work, const std::string& server, Pace pace) {
  auto ran = std::make_shared<std::promise<void>>();
  if (!work.post(server, pace, "", [ran](const std::stop_token&) { ran->set_value(); }))
    return false;
  return ran->get_future().wait_for(kPatience) == std::future_status::ready;
}

TEST(ServerWorkTest, KeepsTheOrderOfOneServer) {
  std::vector<int> order;
  {
    std::promise<void> done;
    ServerWork work;
    for (int i = 0; i < 50; ++i)
      ASSERT_TRUE(work.post("a", Pace::kQuick, "", [&, i](const std::stop_token&) {
        order.push_back(i);
        if (i == 49) done.set_value();
      }));
    ASSERT_EQ(done.get_future().wait_for(kPatience), std::future_status::ready);
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(ServerWorkTest, ServersAndPacesDoNotWaitForEachOther) {
  Held held;
  ServerWork work;
  ASSERT_TRUE(work.post("a", Pace::kSlow, "", held.task()));
  ASSERT_TRUE(held.began());
  EXPECT_TRUE(runs(work, "a", Pace::kQuick));
  EXPECT_TRUE(runs(work, "b", Pace::kSlow));
  held.letGo();
}

TEST(ServerWorkTest, SlowWorkOfManyServersLeavesRoomForQuickWork) {
  std::vector<Held> held(40);
  ServerWork work;
  for (std::size_t i = 0; i < held.size(); ++i)
    ASSERT_TRUE(work.post("s" + std::to_string(i), Pace::kSlow, "", held[i].task()));
  ASSERT_TRUE(held[ServerWork::kMostSlow - 1].began());
  EXPECT_TRUE(runs(work, "quick", Pace::kQuick));
  for (Held& one : held) one.letGo();
  EXPECT_TRUE(runs(work, "s39", Pace::kSlow));
}

TEST(ServerWorkTest, BackupsOfManyServersLeaveRoomForOtherSlowWork) {
  std::vector<Held> held(40);
  ServerWork work;
  for (std::size_t i = 0; i < held.size(); ++i)
    ASSERT_TRUE(work.post("s" + std::to_string(i), Pace::kBackup, "", held[i].task()));
  ASSERT_TRUE(held[ServerWork::kMostBackups - 1].began());
  EXPECT_TRUE(runs(work, "other", Pace::kSlow));
  for (Held& one : held) one.letGo();
  EXPECT_TRUE(runs(work, "s39", Pace::kBackup));
}

TEST(ServerWorkTest, RefusesWhenTooMuchWaitsForOneServer) {
  Held held;
  ServerWork work;
  ASSERT_TRUE(work.post("a", Pace::kQuick, "", held.task()));
  ASSERT_TRUE(held.began());
  for (std::size_t i = 0; i < ServerWork::kMostWaiting; ++i)
    ASSERT_TRUE(work.post("a", Pace::kQuick, "", [](const std::stop_token&) {}));
  EXPECT_FALSE(work.post("a", Pace::kQuick, "", [](const std::stop_token&) {}));
  EXPECT_TRUE(runs(work, "b", Pace::kQuick));
  held.letGo();
}

TEST(ServerWorkTest, RefusesWhenTooMuchWaitsInAll) {
  std::vector<Held> held(ServerWork::kThreads);
  ServerWork work;
  const auto nothing = [](const std::stop_token&) {};
  for (std::size_t i = 0; i < held.size(); ++i)
    ASSERT_TRUE(work.post("h" + std::to_string(i), Pace::kQuick, "", held[i].task()));
  for (Held& one : held) ASSERT_TRUE(one.began());
  for (std::size_t i = 0; i < ServerWork::kMostWaitingInAll; ++i)
    ASSERT_TRUE(work.post("s" + std::to_string(i), Pace::kQuick, "", nothing));
  EXPECT_FALSE(work.post("one more", Pace::kQuick, "", nothing));
  for (Held& one : held) one.letGo();
  work.cancelAll("s1023");
  EXPECT_TRUE(runs(work, "one more", Pace::kQuick));
}

TEST(ServerWorkTest, RefusesWhenWhatWaitsHoldsTooMuch) {
  constexpr std::size_t kPiece = 700'000;
  constexpr std::size_t kFit = ServerWork::kMostWaitingBytes / kPiece;
  const auto nothing = [](const std::stop_token&) {};
  Held held;
  std::vector<Held> others(ServerWork::kThreads - 1);
  ServerWork work;
  ASSERT_TRUE(work.post("a", Pace::kQuick, "", held.task(), kPiece));
  ASSERT_TRUE(held.began());  // what runs does not count
  for (std::size_t i = 0; i < others.size(); ++i) {
    ASSERT_TRUE(work.post("h" + std::to_string(i), Pace::kQuick, "", others[i].task()));
    ASSERT_TRUE(others[i].began());
  }
  for (std::size_t i = 0; i < kFit; ++i)
    ASSERT_TRUE(work.post("s" + std::to_string(i), Pace::kQuick, "", nothing, kPiece)) << i;
  EXPECT_FALSE(work.post("one more", Pace::kQuick, "", nothing, kPiece));
  EXPECT_TRUE(work.post("a small one", Pace::kQuick, "", nothing, 100));
  held.letGo();
  for (std::size_t i = 0; i < kFit; ++i) work.cancelAll("s" + std::to_string(i));
  EXPECT_TRUE(work.post("one more", Pace::kQuick, "", nothing, ServerWork::kMostWaitingBytes / 2));
  for (Held& one : others) one.letGo();
}

TEST(ServerWorkTest, CancelsWhatRunsAndWhatWaits) {
  Held held;
  std::promise<bool> second_was_stopped;
  ServerWork work;
  ASSERT_TRUE(work.post("a", Pace::kSlow, "1", held.task()));
  ASSERT_TRUE(work.post("a", Pace::kSlow, "2", [&](const std::stop_token& stop) {
    second_was_stopped.set_value(stop.stop_requested());
  }));
  ASSERT_TRUE(held.began());
  EXPECT_FALSE(work.cancel("b", "1"));
  EXPECT_FALSE(work.cancel("a", "3"));
  EXPECT_TRUE(work.cancel("a", "2"));
  EXPECT_TRUE(work.cancel("a", "1"));
  EXPECT_TRUE(second_was_stopped.get_future().get());
}

TEST(ServerWorkTest, CancelsAllOfAServerAndWaitsForIt) {
  Held held;
  std::atomic<bool> ended{false};
  ServerWork work;
  ASSERT_TRUE(work.post("a", Pace::kSlow, "", [&](const std::stop_token& stop) {
    held.task()(stop);
    ended = true;
  }));
  ASSERT_TRUE(held.began());
  work.cancelAll("a");
  EXPECT_TRUE(ended);
}

TEST(ServerWorkTest, CloseStopsWhatRunsAndTellsWhatWaits) {
  std::vector<Held> held(ServerWork::kMostBackups);
  std::atomic<int> told{0};
  ServerWork work;
  const auto tell = [&](const std::stop_token& stop) { told += stop.stop_requested() ? 1 : 0; };
  for (std::size_t i = 0; i < held.size(); ++i)
    ASSERT_TRUE(work.post("s" + std::to_string(i), Pace::kBackup, "", held[i].task()));
  for (Held& one : held) ASSERT_TRUE(one.began());
  ASSERT_TRUE(work.post("s0", Pace::kBackup, "", tell));
  ASSERT_TRUE(work.post("s0", Pace::kBackup, "", tell));
  ASSERT_TRUE(work.post("other", Pace::kBackup, "", tell));
  work.close();
  EXPECT_EQ(told, 3);
  EXPECT_FALSE(work.post("a", Pace::kQuick, "", tell));
}

TEST(ServerWorkTest, KnowsWhetherThereIsOtherWorkThanBackups) {
  Held backup;
  Held other;
  ServerWork work;
  EXPECT_FALSE(work.isBusy("a"));
  ASSERT_TRUE(work.post("a", Pace::kBackup, "", backup.task()));
  ASSERT_TRUE(backup.began());
  EXPECT_FALSE(work.isBusy("a"));
  ASSERT_TRUE(work.post("a", Pace::kSlow, "", other.task()));
  EXPECT_TRUE(work.isBusy("a"));
  EXPECT_FALSE(work.isBusy("b"));
  other.letGo();
  backup.letGo();
}

}  // namespace
}  // namespace agent

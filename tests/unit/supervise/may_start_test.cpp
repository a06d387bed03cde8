// Starts that nobody asks for, where somebody has to allow them.

#include <atomic>

#include "kept_state.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using testing::Primitive;

class StartsThatAreAsked : public test::KeptState {
 protected:
  StartsThatAreAsked() {
    options_.may_start = [this](std::string_view name) {
      ++asked_;
      return answer_ ? answer_(name) : allowed_.load();
    };
  }
  /// By the time it was asked so often, an answer of yes would have had its effect.
  bool isAskedAgain() const {
    return passUntil([this, before = asked_.load()] { return asked_ >= before + 3; });
  }

  std::atomic<bool> allowed_{false};
  std::atomic<int> asked_{0};
  std::function<bool(std::string_view)> answer_{};  // before open()
};

TEST_F(StartsThatAreAsked, RestartAfterACrashWaits) {
  open();
  auto spec = server();
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure};
  createAndStart("a", spec);
  EXPECT_EQ(asked_, 0);
  ASSERT_TRUE(control().crash(idOf("a"), 9));
  ASSERT_TRUE(becomes("a", EntryState::kCrashed));
  ASSERT_TRUE(isAskedAgain());
  EXPECT_EQ(stateOf("a"), EntryState::kCrashed);
  EXPECT_EQ(callsOf(Primitive::kStart), 1U);
  allowed_ = true;
  ASSERT_TRUE(becomesInTime("a", EntryState::kRunning));
  EXPECT_EQ(supervisor_->status("a")->restarts, 1);
}

TEST_F(StartsThatAreAsked, RestartThatWaitsOutlivesTheDaemon) {
  open();
  auto spec = server();
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure, .max_retries = 1};
  createAndStart("a", spec);
  createAndStart("b");
  ASSERT_TRUE(control().crash(idOf("a"), 9));
  ASSERT_TRUE(isAskedAgain());
  reopen();
  ASSERT_TRUE(isAskedAgain());
  EXPECT_EQ(stateOf("a"), EntryState::kCrashed);
  allowed_ = true;
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

TEST_F(StartsThatAreAsked, ServersThatMayComeBackDoNotWaitForThoseThatMayNot) {
  answer_ = [this](std::string_view name) { return name == "z" || allowed_; };
  open();
  const std::vector<std::string> held = {"a", "b", "c", "d", "e"};
  for (const std::string& name : held) createAndStart(name);
  createAndStart("z");
  reboot();
  ASSERT_TRUE(becomesInTime("z", EntryState::kRunning));
  ASSERT_TRUE(isAskedAgain());
  for (const std::string& name : held) EXPECT_EQ(stateOf(name), EntryState::kStopped);
  allowed_ = true;
  for (const std::string& name : held) EXPECT_TRUE(becomesInTime(name, EntryState::kRunning));
  EXPECT_EQ(since("a").back().reason, Reason::kRestored);
}

TEST_F(StartsThatAreAsked, RequestedStartIsNot) {
  open();
  createAndStart("a");
  reboot();
  ASSERT_TRUE(isAskedAgain());
  ASSERT_TRUE(supervisor_->start("a", "start"));
  EXPECT_FALSE(observer_.waitForEnd("start")->error);
}

TEST_F(StartsThatAreAsked, StopEndsTheWait) {
  open();
  auto spec = server();
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure};
  createAndStart("crashed", spec);
  createAndStart("restored");
  ASSERT_TRUE(control().crash(idOf("crashed"), 9));
  ASSERT_TRUE(becomes("crashed", EntryState::kCrashed));
  reboot();
  ASSERT_TRUE(isAskedAgain());
  stop("crashed");
  stop("restored");
  allowed_ = true;
  clock().advance(1min);
  EXPECT_EQ(stateOf("crashed"), EntryState::kStopped);
  EXPECT_EQ(stateOf("restored"), EntryState::kStopped);
  EXPECT_EQ(callsOf(Primitive::kStart), 2U);
}

/// Whoever says no and then sees it at rest can rely on that: who said yes before is asked again
/// when it does not rest any more.
TEST_F(StartsThatAreAsked, IsAskedAgainWhenTheStartIsShown) {
  std::atomic<bool> shown{false};
  answer_ = [&](std::string_view name) {
    const bool starts = stateOf(std::string(name)) == EntryState::kStarting;
    if (starts) shown = true;
    return !starts || allowed_;
  };
  open();
  createAndStart("a");
  reboot();
  ASSERT_TRUE(isAskedAgain());
  EXPECT_TRUE(shown);
  EXPECT_EQ(callsOf(Primitive::kStart), 1U);
  EXPECT_NE(stateOf("a"), EntryState::kRunning);
  allowed_ = true;
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

}  // namespace
}  // namespace control

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include <libcontrol/loader.h>
#include <libcontrol/supervisor.h>
#include <libcontrol/testing/mock_container_runtime.h>
#include <libcontrol/testing/mock_control.h>

#include "mock/mock_plugin.h"
#include "supervisor_on_mock.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::_;
using ::testing::ByMove;
using ::testing::Contains;
using ::testing::NiceMock;
using ::testing::Not;
using ::testing::Return;

Error failure(ErrorCode code) { return {.code = code, .message = "as the test wants"}; }

ContainerInfo infoOf(ContainerState state, int run) {
  ContainerInfo info;
  info.id = {"abc"};
  info.state = state;
  info.started_at = WallTime(std::chrono::seconds(run));
  return info;
}

/// A descriptor to wait on, readable or not.
class Flag {
 public:
  explicit Flag(bool up = false) : fd_(::eventfd(up ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Flag() { ::close(fd_); }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;
  int fd() const noexcept { return fd_; }
  void raise() const { ASSERT_EQ(::eventfd_write(fd_, 1), 0); }

 private:
  const int fd_;
};

std::unique_ptr<ExitWatch> watchOn(const Flag& flag, const Error& end) {
  auto watch = std::make_unique<NiceMock<testing::MockExitWatch>>();
  ON_CALL(*watch, pollFd()).WillByDefault(Return(flag.fd()));
  ON_CALL(*watch, noticed(_)).WillByDefault(Return(end));
  return watch;
}

class EventsThat final : public EventStream {
 public:
  /// `asked` becomes true with the first look at it.
  EventsThat(ErrorCode end, std::atomic<bool>& asked)
      : end_(end), asked_(asked), flag_(end != ErrorCode::kDeadlineExceeded) {}
  Result<std::optional<Event>> next(const CallContext&) override {
    asked_ = true;
    return failure(end_);
  }
  int pollFd() const noexcept override { return flag_.fd(); }
  void cancel() noexcept override {}

 private:
  const ErrorCode end_;
  std::atomic<bool>& asked_;
  const Flag flag_;
};

/// An engine with one server, "a", whose every answer is the test's.
class Observing : public ::testing::Test {
 protected:
  Observing() {
    ContainerSummary server;
    server.id = {"abc"};
    server.state = ContainerState::kRunning;
    server.labels = {{"libcontrol.managed", "true"}, {"libcontrol.entry", "a"}};
    list_ = {server};
    ON_CALL(*runtime_, list(_, _)).WillByDefault(Return(list_));
    ON_CALL(*runtime_, info(_)).WillByDefault(Return(RuntimeInfo{}));
    ON_CALL(*runtime_, events(_, _)).WillByDefault([](const auto&, const auto&) {
      return Result<std::unique_ptr<EventStream>>(failure(ErrorCode::kUnsupported));
    });
    ON_CALL(*runtime_, inspect(_, _)).WillByDefault(Return(infoOf(ContainerState::kRunning, 1)));
    ON_CALL(*runtime_, watchExit(_, _)).WillByDefault([this](const auto&, const auto&) {
      return Result<std::unique_ptr<ExitWatch>>(
          watchOn(never_, failure(ErrorCode::kDeadlineExceeded)));
    });
  }

  void open() {
    supervisor_ =
        std::make_unique<Supervisor>(runtime_, SupervisorOptions{.stats_interval = 0s}, observer_);
    supervisor_->open(CallContext::within(10s));
  }

  const Flag never_;
  std::vector<ContainerSummary> list_;
  std::shared_ptr<NiceMock<testing::MockContainerRuntime>> runtime_ =
      std::make_shared<NiceMock<testing::MockContainerRuntime>>();
  test::RecordingObserver observer_;
  std::unique_ptr<Supervisor> supervisor_;
};

TEST_F(Observing, ExitBetweenTheLookAndTheWatchIsNotMissed) {
  EXPECT_CALL(*runtime_, inspect(_, _))
      .WillOnce(Return(infoOf(ContainerState::kRunning, 1)))
      .WillRepeatedly(Return(infoOf(ContainerState::kExited, 1)));
  open();
  EXPECT_TRUE(observer_.waitFor("a", EntryState::kStopped));
}

TEST_F(Observing, RunThatWasFollowedByAnotherBeforeAnybodyLookedIsNoRemoval) {
  const Flag over;
  std::atomic<int> run{1};
  ON_CALL(*runtime_, inspect(_, _)).WillByDefault([&](const auto&, const auto&) {
    return Result<ContainerInfo>(infoOf(ContainerState::kRunning, run));
  });
  EXPECT_CALL(*runtime_, watchExit(_, _))
      .WillOnce(Return(
          ByMove(Result<std::unique_ptr<ExitWatch>>(watchOn(over, failure(ErrorCode::kNotFound))))))
      .WillOnce(Return(ByMove(Result<std::unique_ptr<ExitWatch>>(
          watchOn(never_, failure(ErrorCode::kDeadlineExceeded))))));
  open();
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kRunning));
  run = 2;
  over.raise();
  EXPECT_TRUE(test::eventually(
      [&] { return supervisor_->status("a")->started_at == WallTime(std::chrono::seconds(2)); }));
  EXPECT_THAT(observer_.states("a"), Not(Contains(EntryState::kFailed)));
  supervisor_.reset();
}

TEST_F(Observing, ContainerThatIsBeingRemovedIsNotTakenForAStoppedOne) {
  for (const ContainerState state : {ContainerState::kRemoving, ContainerState::kDead}) {
    ON_CALL(*runtime_, inspect(_, _)).WillByDefault(Return(infoOf(state, 1)));
    open();
    EXPECT_EQ(supervisor_->status("a")->state, EntryState::kFailed) << toString(state);
    EXPECT_EQ(supervisor_->status("a")->reason, Reason::kRemoved) << toString(state);
  }
  supervisor_.reset();
}

TEST_F(Observing, EventStreamThatIsLostDuringTheListIsOpenedAgain) {
  std::atomic<bool> lost{false};
  std::atomic<bool> followed{false};
  EXPECT_CALL(*runtime_, events(_, _))
      .WillOnce([&](const auto&, const auto&) {
        return Result<std::unique_ptr<EventStream>>(
            std::make_unique<EventsThat>(ErrorCode::kUnavailable, lost));
      })
      .WillRepeatedly([&](const auto&, const auto&) {
        return Result<std::unique_ptr<EventStream>>(
            std::make_unique<EventsThat>(ErrorCode::kDeadlineExceeded, followed));
      });
  EXPECT_CALL(*runtime_, list(_, _))
      .WillOnce([&](const auto&, const auto&) {
        test::eventually([&] { return lost.load(); });
        // What the loss sets off comes while this still lasts.
        std::this_thread::sleep_for(100ms);
        return Result<std::vector<ContainerSummary>>(list_);
      })
      .WillRepeatedly(Return(list_));
  open();
  EXPECT_TRUE(test::eventually([&] { return followed.load(); }));
  supervisor_.reset();
}

/// Holds up whoever tells that a server is stopping.
class HoldingObserver final : public test::RecordingObserver {
 public:
  void onTransition(const Transition& transition) override {
    RecordingObserver::onTransition(transition);
    if (transition.current == EntryState::kStopping) released_.wait();
  }
  void release() { release_.set_value(); }

 private:
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

TEST(SupervisorWithAnEngine, ServerThatWasBusyWhileTheEngineWasLostIsLookedAtAfterwards) {
  static const PluginDescriptor* const kLinked[] = {&mock::descriptor()};
  const auto runtime = loadRuntime("mock:///observe", {.linked_plugins = kLinked});
  ASSERT_TRUE(runtime) << runtime.error().message;
  auto& engine = *(*runtime)->extension<testing::MockControl>();
  HoldingObserver observer;
  Supervisor supervisor(*runtime, {.stats_interval = 0s}, observer);
  supervisor.open(CallContext::within(5s));
  EntrySpec spec;
  spec.container.image = "example/game:1";
  spec.start = true;
  ASSERT_TRUE(supervisor.create("a", spec, "create"));
  ASSERT_FALSE(observer.waitForEnd("create")->error);
  ASSERT_TRUE(supervisor.stop("a", {}, "stop"));
  ASSERT_TRUE(observer.waitFor("a", EntryState::kStopping));
  engine.engineDown(true);
  ASSERT_TRUE(observer.waitUntil([&] { return !observer.engine().back(); }));
  engine.engineDown(false);
  ASSERT_TRUE(observer.waitUntil([&] { return observer.engine().back(); }));
  observer.release();
  ASSERT_FALSE(observer.waitForEnd("stop")->error);
  ASSERT_TRUE(observer.waitFor("a", EntryState::kUnknown));
  EXPECT_TRUE(
      test::eventually([&] { return supervisor.status("a")->state == EntryState::kStopped; }));
  engine.reset();
}

}  // namespace
}  // namespace control

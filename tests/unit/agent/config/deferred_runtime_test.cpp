#include "agent/deferred_runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <libcontrol/testing/mock_container_runtime.h>

namespace agent {
namespace {

using control::CallContext;
using control::Error;
using control::ErrorCode;
using control::RuntimeInfo;
using testing::_;

/// A clock that stands still until it is moved.
class Watch : public control::Clock {
 public:
  control::TimePoint now() const noexcept override { return now_; }
  control::WallTime wallNow() const noexcept override { return {}; }
  bool waitUntil(std::unique_lock<std::mutex>&, std::condition_variable&,
                 control::TimePoint) override {
    return false;
  }
  void advance(control::Duration time) { now_ += time; }

 private:
  control::TimePoint now_{std::chrono::hours(1)};
};

class ADeferredRuntime : public testing::Test {
 protected:
  ErrorCode codeOfInfo() {
    const auto info = deferred_.info({});
    return info ? ErrorCode{} : info.error().code;
  }

  std::shared_ptr<Watch> watch_ = std::make_shared<Watch>();
  std::shared_ptr<control::testing::MockContainerRuntime> engine_ =
      std::make_shared<control::testing::MockContainerRuntime>();
  int attempts_ = 0;
  bool there_ = false;
  DeferredRuntime deferred_{
      {.clock = watch_},
      [this](const CallContext&) -> control::Result<std::shared_ptr<control::ContainerRuntime>> {
        ++attempts_;
        if (there_) return std::shared_ptr<control::ContainerRuntime>(engine_);
        return Error{.code = ErrorCode::kPermissionDenied, .message = "still not"};
      },
      {.code = ErrorCode::kUnavailable, .message = "no socket"}};
};

TEST_F(ADeferredRuntime, IsUnavailableForTheReasonOfTheLastAttempt) {
  EXPECT_EQ(deferred_.info({}).error().message, "no socket");
  watch_->advance(std::chrono::seconds(1));
  EXPECT_EQ(deferred_.info({}).error().message, "still not");
  EXPECT_EQ(codeOfInfo(), ErrorCode::kUnavailable);
}

TEST_F(ADeferredRuntime, TriesAtMostOnceASecond) {
  for (int call = 0; call < 10; ++call) EXPECT_EQ(codeOfInfo(), ErrorCode::kUnavailable);
  EXPECT_EQ(attempts_, 0);
  watch_->advance(std::chrono::seconds(1));
  for (int call = 0; call < 10; ++call) EXPECT_EQ(codeOfInfo(), ErrorCode::kUnavailable);
  EXPECT_EQ(attempts_, 1);
}

TEST_F(ADeferredRuntime, IsTheEngineOnceThatIsThere) {
  there_ = true;
  watch_->advance(std::chrono::seconds(1));
  EXPECT_CALL(*engine_, info(_)).WillOnce(testing::Return(RuntimeInfo{.engine = "docker"}));
  EXPECT_EQ(deferred_.info({})->engine, "docker");
  EXPECT_CALL(*engine_, remove(control::ContainerId{"c"}, _, _))
      .WillOnce(testing::Return(control::RemoveOutcome::kRemoved));
  EXPECT_TRUE(deferred_.remove({"c"}, {}, {}));
  EXPECT_EQ(attempts_, 1);
}

TEST_F(ADeferredRuntime, AnswersForEveryContainerWhoseStatisticsAreAskedFor) {
  const std::vector<control::ContainerId> ids{{"a"}, {"b"}};
  const auto answers = deferred_.stats(ids, {});
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1].error().code, ErrorCode::kUnavailable);
}

TEST_F(ADeferredRuntime, HasNoExtensionsWithoutItsEngine) {
  EXPECT_EQ(deferred_.extension("mock"), nullptr);
}

}  // namespace
}  // namespace agent

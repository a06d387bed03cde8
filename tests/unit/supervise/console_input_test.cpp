#include "supervise/console_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include <libcontrol/testing/mock_container_runtime.h>

#include "supervise/executor.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::_;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::NiceMock;

/// A stdin that is read, or not.
struct Stdin {
  std::mutex mutex{};
  std::condition_variable changed{};
  std::vector<std::string> writes{};
  std::vector<Error> failures{};  ///< of the next writes
  bool full = false;
  int attached = 0;
  int cancelled = 0;
};

class ConsoleTo final : public Console {
 public:
  explicit ConsoleTo(Stdin& to) : to_(to) {}
  Result<std::optional<Output>> next(const CallContext&) override {
    return std::optional<Output>();
  }
  int pollFd() const noexcept override { return -1; }
  void cancel() noexcept override {
    const std::lock_guard lock(to_.mutex);
    cancelled_ = true;
    ++to_.cancelled;
    to_.changed.notify_all();
  }
  Result<void> write(std::string_view bytes, const CallContext& context) override {
    std::unique_lock lock(to_.mutex);
    while (to_.full && !cancelled_)
      if (!systemClock()->waitUntil(lock, to_.changed, context.deadline))
        return Error{.code = ErrorCode::kDeadlineExceeded, .message = "late"};
    if (cancelled_) return Error{.code = ErrorCode::kCancelled, .message = "cancelled"};
    if (!to_.failures.empty()) {
      Error failure = to_.failures.front();
      to_.failures.erase(to_.failures.begin());
      return failure;
    }
    to_.writes.emplace_back(bytes);
    return {};
  }
  Result<void> closeInput(const CallContext&) override { return {}; }

 private:
  Stdin& to_;
  bool cancelled_ = false;
};

class ConsoleInputTest : public ::testing::Test {
 protected:
  ConsoleInputTest() {
    ON_CALL(runtime_, attach(_, _, _))
        .WillByDefault([this](const ContainerId&, const AttachOptions& options,
                              const CallContext&) -> Result<std::unique_ptr<Console>> {
          EXPECT_TRUE(options.standard_input);
          EXPECT_FALSE(options.standard_output);
          EXPECT_FALSE(options.standard_error);
          const std::lock_guard lock(stdin_.mutex);
          ++stdin_.attached;
          return std::unique_ptr<Console>(std::make_unique<ConsoleTo>(stdin_));
        });
  }

  void send(const std::string& line, const RunId& run = {{"abc"}, WallTime(1h)},
            Duration timeout = 10s) {
    const auto accepted =
        input_->send(run, line, CallContext::within(timeout), [this, line](const auto& written) {
          const std::lock_guard lock(mutex_);
          results_.emplace_back(line, written ? std::optional<Error>() : written.error());
        });
    ASSERT_TRUE(accepted) << accepted.error().message;
  }
  std::vector<std::pair<std::string, std::optional<Error>>> results() {
    executor_.drain();
    const std::lock_guard lock(mutex_);
    return results_;
  }
  void read() {
    const std::lock_guard lock(stdin_.mutex);
    stdin_.full = false;
    stdin_.changed.notify_all();
  }

  Stdin stdin_;
  NiceMock<testing::MockContainerRuntime> runtime_;
  Executor executor_;
  std::shared_ptr<ConsoleInput> input_ = std::make_shared<ConsoleInput>(
      runtime_, "web", [this](std::function<void()> job) { executor_.submit(std::move(job)); });
  std::mutex mutex_;
  std::vector<std::pair<std::string, std::optional<Error>>> results_;
};

TEST_F(ConsoleInputTest, WritesLinesInOrderOverOneConnection) {
  for (int i = 0; i < 50; ++i) send("say " + std::to_string(i));
  const auto results = this->results();
  ASSERT_EQ(results.size(), 50U);
  ASSERT_EQ(stdin_.writes.size(), 50U);
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(results[static_cast<std::size_t>(i)].second);
    EXPECT_EQ(stdin_.writes[static_cast<std::size_t>(i)], "say " + std::to_string(i) + "\n");
  }
  EXPECT_EQ(stdin_.attached, 1);
}

TEST_F(ConsoleInputTest, LinesForAProcessThatDoesNotReadFailInTime) {
  stdin_.full = true;
  send("one", {{"abc"}, WallTime(1h)}, 50ms);
  send("two", {{"abc"}, WallTime(1h)}, 50ms);
  const auto results = this->results();
  ASSERT_EQ(results.size(), 2U);
  for (const auto& [line, error] : results) {
    ASSERT_TRUE(error) << line;
    EXPECT_EQ(error->code, ErrorCode::kDeadlineExceeded);
    EXPECT_THAT(error->message, HasSubstr("'web' does not read its stdin"));
  }
}

TEST_F(ConsoleInputTest, RefusesLinesWhenTooManyWait) {
  stdin_.full = true;
  // One is being written, the others wait.
  Result<void> refused;
  for (std::size_t i = 0; i < ConsoleInput::kMostWaiting + 2 && refused; ++i)
    refused =
        input_->send({{"abc"}, WallTime(1h)}, "x", CallContext::within(10s), [](const auto&) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  read();
  executor_.drain();
  EXPECT_GE(stdin_.writes.size(), ConsoleInput::kMostWaiting);
}

TEST_F(ConsoleInputTest, ConnectsAnewToAnotherRun) {
  send("one");
  executor_.drain();
  input_->end();
  EXPECT_EQ(stdin_.cancelled, 1);
  Executor later;
  auto input = std::make_shared<ConsoleInput>(
      runtime_, "web", [&](std::function<void()> job) { later.submit(std::move(job)); });
  ASSERT_TRUE(
      input->send({{"abc"}, WallTime(1h)}, "a", CallContext::within(10s), [](const auto&) {}));
  ASSERT_TRUE(
      input->send({{"abc"}, WallTime(2h)}, "b", CallContext::within(10s), [](const auto&) {}));
  later.drain();
  EXPECT_EQ(stdin_.attached, 3);
  EXPECT_THAT(stdin_.writes, ElementsAre("one\n", "a\n", "b\n"));
}

TEST_F(ConsoleInputTest, EndOfTheRunEndsAWrite) {
  stdin_.full = true;
  send("one", {{"abc"}, WallTime(1h)}, 1h);
  for (;;) {
    const std::lock_guard lock(stdin_.mutex);
    if (stdin_.attached > 0) break;
  }
  // The connection is told, not waited for.
  while (stdin_.cancelled == 0) input_->end();
  const auto results = this->results();
  ASSERT_EQ(results.size(), 1U);
  ASSERT_TRUE(results[0].second);
  EXPECT_EQ(results[0].second->code, ErrorCode::kCancelled);
}

TEST_F(ConsoleInputTest, TriesOnceMoreOverAConnectionThatBroke) {
  stdin_.failures = {{.code = ErrorCode::kUnavailable, .message = "broken"}};
  send("one");
  EXPECT_FALSE(results()[0].second);
  EXPECT_EQ(stdin_.attached, 2);
  EXPECT_THAT(stdin_.writes, ElementsAre("one\n"));
}

TEST_F(ConsoleInputTest, NeverWritesALineTwice) {
  stdin_.failures = {
      {.code = ErrorCode::kUnavailable, .effect = Effect::kUnknown, .message = "broken"}};
  send("one");
  ASSERT_TRUE(results()[0].second);
  EXPECT_TRUE(stdin_.writes.empty());
}

TEST_F(ConsoleInputTest, PartOfALineDoesNotRunIntoTheNext) {
  stdin_.failures = {
      {.code = ErrorCode::kDeadlineExceeded, .effect = Effect::kApplied, .message = "late"}};
  send("say hel");
  send("stop");
  EXPECT_THAT(results()[0].second->message, HasSubstr("a part of the line was written"));
  EXPECT_THAT(stdin_.writes, ElementsAre("\nstop\n"));
}

TEST(ConsoleInput, TakesOneLineOfText) {
  for (const char* line :
       {"", "say hi", "\t tab", "caf\xC3\xA9", "\xC2\xA0\xE2\x80\xA6", "\xE2\x82\x85"})
    EXPECT_TRUE(ConsoleInput::check(line)) << line;
  for (const char* line :
       {"a\nstop", "a\rstop", "\n", "\x03", "\x1b[A", "\x7f", "\x04", "a\xC2\x85stop",
        "\xC2\x9B"
        "A",
        "\xC2\x80", "a\xE2\x80\xA8z", "a\xE2\x80\xA9z"}) {
    const auto checked = ConsoleInput::check(line);
    ASSERT_FALSE(checked) << line;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(ConsoleInput::check(std::string_view("a\0b", 3)));
  EXPECT_TRUE(ConsoleInput::check(std::string(4095, 'x')));
  EXPECT_FALSE(ConsoleInput::check(std::string(4096, 'x')));
}

}  // namespace
}  // namespace control

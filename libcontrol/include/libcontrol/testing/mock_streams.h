#pragma once

#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/streams.h>
#include <libcontrol/testing/actions.h>

namespace control::testing {

namespace internal {

/// What a mocked call gives that the test has no answer for: said in words, and never a success.
inline Error noAnswer(const std::string& method) {
  return {
      .code = ErrorCode::kUnsupported,
      .message = "no expectation was set for " + method + ", or none that says what it returns"};
}
inline auto giveNoAnswer(const std::string& method) { return GiveError(noAnswer(method)); }

/// What the mocks of all streams share.
template <class Mocked, class Item>
class MockStream : public Mocked {
 public:
  explicit MockStream(const std::string& name) {
    ON_CALL(*this, next).WillByDefault(giveNoAnswer(name + "::next"));
    ON_CALL(*this, pollFd).WillByDefault(::testing::Return(-1));
  }

  MOCK_METHOD(Result<std::optional<Item>>, next, (const CallContext&), (override));
  MOCK_METHOD(int, pollFd, (), (const, noexcept, override));
  MOCK_METHOD(void, cancel, (), (noexcept, override));
};

/// As MockStream, for what has an input too.
template <class Mocked>
class MockInputStream : public MockStream<Mocked, Output> {
 public:
  explicit MockInputStream(const std::string& name) : MockStream<Mocked, Output>(name) {
    ON_CALL(*this, write).WillByDefault(giveNoAnswer(name + "::write"));
    ON_CALL(*this, closeInput).WillByDefault(giveNoAnswer(name + "::closeInput"));
  }

  MOCK_METHOD(Result<void>, write, (std::string_view, const CallContext&), (override));
  MOCK_METHOD(Result<void>, closeInput, (const CallContext&), (override));
};

}  // namespace internal

/// Streams whose answers are gmock's. What the test has no answer for fails with kUnsupported and
/// says so; pollFd() is -1, which poll() passes over.
class MockLogStream : public internal::MockStream<LogStream, Output> {
 public:
  MockLogStream() : MockStream("LogStream") {}
};

class MockEventStream : public internal::MockStream<EventStream, Event> {
 public:
  MockEventStream() : MockStream("EventStream") {}
};

class MockPullStream : public internal::MockStream<PullStream, PullProgress> {
 public:
  MockPullStream() : MockStream("PullStream") {}
};

class MockConsole : public internal::MockInputStream<Console> {
 public:
  MockConsole() : MockInputStream("Console") {}
};

class MockExecSession : public internal::MockInputStream<ExecSession> {
 public:
  MockExecSession() : MockInputStream("ExecSession") {
    ON_CALL(*this, exitCode).WillByDefault(internal::giveNoAnswer("ExecSession::exitCode"));
    ON_CALL(*this, resize).WillByDefault(internal::giveNoAnswer("ExecSession::resize"));
  }

  MOCK_METHOD(Result<int>, exitCode, (const CallContext&), (override));
  MOCK_METHOD(Result<void>, resize, (int, int, const CallContext&), (override));
};

/// An exit watch whose answers are gmock's.
class MockExitWatch : public ExitWatch {
 public:
  MockExitWatch() {
    ON_CALL(*this, noticed).WillByDefault(internal::giveNoAnswer("ExitWatch::noticed"));
    ON_CALL(*this, exited).WillByDefault(internal::giveNoAnswer("ExitWatch::exited"));
    ON_CALL(*this, pollFd).WillByDefault(::testing::Return(-1));
  }

  MOCK_METHOD(Result<ExitStatus>, noticed, (const CallContext&), (override));
  MOCK_METHOD(Result<ExitStatus>, exited, (const CallContext&), (override));
  MOCK_METHOD(int, pollFd, (), (const, noexcept, override));
  MOCK_METHOD(void, cancel, (), (noexcept, override));
};

}  // namespace control::testing

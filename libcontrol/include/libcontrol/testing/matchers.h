#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include <libcontrol/result.h>
#include <libcontrol/testing/printers.h>

namespace control::testing {

namespace internal {

class IsOkMatcher {
 public:
  using is_gtest_matcher = void;

  template <class T>
  bool MatchAndExplain(const Result<T>& result, ::testing::MatchResultListener*) const {
    return result.has_value();
  }
  void DescribeTo(std::ostream* out) const { *out << "is ok"; }
  void DescribeNegationTo(std::ostream* out) const { *out << "is an error"; }
};

template <class Inner>
class IsOkAndMatcher {
 public:
  explicit IsOkAndMatcher(Inner inner) : inner_(std::move(inner)) {}

  template <class T>
  operator ::testing::Matcher<T>() const {  // NOLINT(google-explicit-constructor): a gmock matcher
    using Value = typename std::remove_cvref_t<T>::value_type;
    static_assert(!std::is_void_v<Value>, "a Result<void> has no value to match: use IsOk()");
    return ::testing::Matcher<T>(new OfResult<T, Value>(inner_));
  }

 private:
  template <class T, class Value>
  class OfResult : public ::testing::MatcherInterface<T> {
   public:
    explicit OfResult(const Inner& inner)
        : value_(::testing::SafeMatcherCast<const Value&>(inner)) {}

    bool MatchAndExplain(T result, ::testing::MatchResultListener* listener) const override {
      if (!result) return false;
      return value_.MatchAndExplain(*result, listener);
    }
    void DescribeTo(std::ostream* out) const override {
      *out << "is ok with a value that ";
      value_.DescribeTo(out);
    }
    void DescribeNegationTo(std::ostream* out) const override {
      *out << "is an error, or ok with a value that ";
      value_.DescribeNegationTo(out);
    }

   private:
    const ::testing::Matcher<const Value&> value_;
  };

  const Inner inner_;
};

class IsEndMatcher {
 public:
  using is_gtest_matcher = void;

  template <class Item>
  bool MatchAndExplain(const Result<std::optional<Item>>& next,
                       ::testing::MatchResultListener*) const {
    return next && !*next;
  }
  void DescribeTo(std::ostream* out) const { *out << "is the end of a stream"; }
  void DescribeNegationTo(std::ostream* out) const { *out << "is an item or an error"; }
};

class FailsMatcher {
 public:
  using is_gtest_matcher = void;

  using Message = ::testing::Matcher<const std::string&>;

  explicit FailsMatcher(ErrorCode code, std::optional<Effect> effect = {},
                        std::optional<Message> message = {})
      : code_(code), effect_(effect), message_(std::move(message)) {}

  template <class T>
  bool MatchAndExplain(const Result<T>& result, ::testing::MatchResultListener*) const {
    if (result) return false;
    const Error& error = result.error();
    return error.code == code_ && (!effect_ || error.effect == *effect_) &&
           (!message_ || message_->Matches(error.message));
  }
  void DescribeTo(std::ostream* out) const { describe(*out << "fails with "); }
  void DescribeNegationTo(std::ostream* out) const { describe(*out << "does not fail with "); }

 private:
  void describe(std::ostream& out) const {
    out << toString(code_);
    if (effect_) out << ", effect " << toString(*effect_);
    if (!message_) return;
    out << ", and its message ";
    message_->DescribeTo(&out);
  }

  ErrorCode code_;
  std::optional<Effect> effect_;
  std::optional<Message> message_;
};

}  // namespace internal

/// Matches a Result that holds its value:
///   EXPECT_THAT(runtime.start(id, {}), IsOk());
inline auto IsOk() { return internal::IsOkMatcher(); }

/// Matches a Result whose value matches `inner` (a matcher, or what the value equals):
///   EXPECT_THAT(runtime.start(id, {}), IsOkAnd(StartOutcome::kStarted));
///   EXPECT_THAT(runtime.stop(id, {}, {}), IsOkAnd(Field(&StopReport::outcome,
///   StopOutcome::kKilled)));
template <class Inner>
auto IsOkAnd(Inner inner) {
  return internal::IsOkAndMatcher<Inner>(std::move(inner));
}

/// For next() of a stream: matches an item that matches `inner` (a matcher, or what it equals), and
/// the end.
///   EXPECT_THAT(log.next({}), IsItem(Field(&Output::bytes, "hello\n")));
///   EXPECT_THAT(log.next({}), IsEnd());
template <class Inner>
auto IsItem(Inner inner) {
  return IsOkAnd(::testing::Optional(std::move(inner)));
}
inline auto IsEnd() { return internal::IsEndMatcher(); }

/// Matches a Result that failed with this code, and this effect where one is given:
///   EXPECT_THAT(runtime.create(spec, {}), FailsWith(ErrorCode::kAlreadyExists, Effect::kNone));
inline auto FailsWith(ErrorCode code) { return internal::FailsMatcher(code); }
inline auto FailsWith(ErrorCode code, Effect effect) {
  return internal::FailsMatcher(code, effect);
}
/// The same for the reason. Messages are for people and may change: match the part you rely on.
///   EXPECT_THAT(loadRuntime("warp:///"), FailsWith(ErrorCode::kInvalidArgument,
///   HasSubstr("warp")));
inline auto FailsWith(ErrorCode code, ::testing::Matcher<const std::string&> message) {
  return internal::FailsMatcher(code, {}, std::move(message));
}

/// The value of `result`. When there is none the test fails with the error, at the caller's line,
/// and ends: it is left by an exception of GoogleTest's own. On the test's own thread only.
///   const ContainerId id = valueOf(runtime.create(spec, {})).id;
template <class T>
T valueOf(Result<T> result, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (!result) {
    const std::string what = ::testing::PrintToString(result);
    ADD_FAILURE_AT(file, line) << "expected a value, got " << what;
    throw ::testing::AssertionException(::testing::TestPartResult(
        ::testing::TestPartResult::kFatalFailure, file, line, what.c_str()));
  }
  return std::move(result).value();
}

}  // namespace control::testing

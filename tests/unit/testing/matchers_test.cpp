#include <libcontrol/testing/matchers.h>

#include <gtest/gtest-spi.h>

#include <memory>
#include <sstream>

namespace control::testing {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::Field;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointee;

Error notFound() {
  return {.code = ErrorCode::kNotFound,
          .effect = Effect::kUnknown,
          .message = "no such container: web",
          .native = "404"};
}

/// What a failed EXPECT_THAT(value, matcher) shows.
template <class T, class M>
std::string failureText(const T& value, M matcher) {
  const auto result =
      ::testing::internal::MakePredicateFormatterFromMatcher(matcher)("value", value);
  EXPECT_FALSE(result);
  return result.message();
}

TEST(IsOk, MatchesAValueAndNoError) {
  EXPECT_THAT(Result<int>(3), IsOk());
  EXPECT_THAT(Result<void>(), IsOk());
  EXPECT_THAT(Result<int>(notFound()), Not(IsOk()));
  EXPECT_THAT(Result<void>(notFound()), Not(IsOk()));
}

TEST(IsOk, TakesAResultThatCannotBeCopied) {
  EXPECT_THAT(Result<std::unique_ptr<int>>(std::make_unique<int>(3)), IsOk());
}

TEST(IsOk, ShowsTheErrorWhenItFails) {
  EXPECT_THAT(failureText(Result<int>(notFound()), IsOk()),
              AllOf(HasSubstr("Expected: is ok"),
                    HasSubstr("error not_found (effect unknown): no such container: web [404]")));
  EXPECT_THAT(failureText(Result<int>(3), Not(IsOk())),
              AllOf(HasSubstr("is an error"), HasSubstr("ok: 3")));
}

TEST(IsOkAnd, MatchesTheValue) {
  EXPECT_THAT(Result<int>(3), IsOkAnd(3));
  EXPECT_THAT(Result<int>(3), IsOkAnd(Gt(2)));
  EXPECT_THAT(Result<int>(3), Not(IsOkAnd(4)));
  EXPECT_THAT(Result<int>(notFound()), Not(IsOkAnd(3)));
  EXPECT_THAT(Result<StopOutcome>(StopOutcome::kKilled), IsOkAnd(StopOutcome::kKilled));
  EXPECT_THAT(Result<std::string>("text"), IsOkAnd("text"));
  const Result<std::unique_ptr<int>> owner(std::make_unique<int>(3));
  EXPECT_THAT(owner, IsOkAnd(Pointee(3)));
}

TEST(IsOkAnd, ShowsTheValueOrTheErrorWhenItFails) {
  const StopReport killed{.outcome = StopOutcome::kKilled};
  EXPECT_THAT(failureText(Result<StopReport>(killed),
                          IsOkAnd(Field("outcome", &StopReport::outcome, StopOutcome::kStopped))),
              AllOf(HasSubstr("is ok with a value that"), HasSubstr("stopped"),
                    HasSubstr("ok: {outcome killed}")));
  EXPECT_THAT(failureText(Result<int>(notFound()), IsOkAnd(3)),
              AllOf(HasSubstr("is ok with a value that is equal to 3"),
                    HasSubstr("no such container: web")));
}

using Next = Result<std::optional<Output>>;

TEST(IsItem, MatchesAnItemAndNeitherTheEndNorAnError) {
  const auto hello = IsItem(Field(&Output::bytes, "hello"));
  EXPECT_THAT(Next(Output{.bytes = "hello"}), hello);
  EXPECT_THAT(Next(Output{.bytes = "bye"}), Not(hello));
  EXPECT_THAT(Next(std::optional<Output>()), Not(hello));
  EXPECT_THAT(Next(notFound()), Not(hello));
  EXPECT_THAT(Result<std::optional<int>>(3), IsItem(3));
}

TEST(IsEnd, MatchesTheEndAndNeitherAnItemNorAnError) {
  EXPECT_THAT(Next(std::optional<Output>()), IsEnd());
  EXPECT_THAT(Next(Output{.bytes = "hello"}), Not(IsEnd()));
  EXPECT_THAT(Next(notFound()), Not(IsEnd()));
}

TEST(IsEnd, ShowsWhatCameInItsPlace) {
  EXPECT_THAT(failureText(Next(Output{.bytes = "hello"}), IsEnd()),
              AllOf(HasSubstr("Expected: is the end of a stream"), HasSubstr("hello")));
}

TEST(FailsWith, MatchesTheCode) {
  EXPECT_THAT(Result<int>(notFound()), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(Result<void>(notFound()), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(Result<int>(notFound()), Not(FailsWith(ErrorCode::kUnavailable)));
  EXPECT_THAT(Result<int>(3), Not(FailsWith(ErrorCode::kNotFound)));
  EXPECT_THAT(Result<void>(), Not(FailsWith(ErrorCode::kNotFound)));
}

TEST(FailsWith, MatchesTheEffectToo) {
  EXPECT_THAT(Result<int>(notFound()), FailsWith(ErrorCode::kNotFound, Effect::kUnknown));
  EXPECT_THAT(Result<int>(notFound()), Not(FailsWith(ErrorCode::kNotFound, Effect::kNone)));
  EXPECT_THAT(Result<int>(notFound()), Not(FailsWith(ErrorCode::kCancelled, Effect::kUnknown)));
}

TEST(FailsWith, MatchesTheMessageToo) {
  EXPECT_THAT(Result<int>(notFound()), FailsWith(ErrorCode::kNotFound, HasSubstr("web")));
  EXPECT_THAT(Result<int>(notFound()), Not(FailsWith(ErrorCode::kNotFound, HasSubstr("db"))));
  EXPECT_THAT(Result<int>(notFound()), FailsWith(ErrorCode::kNotFound, "no such container: web"));
}

TEST(FailsWith, ShowsWhatItExpectedAndWhatThereWas) {
  EXPECT_THAT(
      failureText(Result<int>(notFound()), FailsWith(ErrorCode::kUnavailable, Effect::kNone)),
      AllOf(HasSubstr("Expected: fails with unavailable, effect none\n"),
            HasSubstr("error not_found (effect unknown): no such container: web [404]")));
  EXPECT_THAT(failureText(Result<int>(3), FailsWith(ErrorCode::kUnavailable)),
              AllOf(HasSubstr("Expected: fails with unavailable\n"), HasSubstr("ok: 3")));
  EXPECT_THAT(
      failureText(Result<int>(notFound()), FailsWith(ErrorCode::kNotFound, HasSubstr("db"))),
      HasSubstr("fails with not_found, and its message has substring \"db\""));
  EXPECT_THAT(failureText(Result<int>(notFound()), Not(FailsWith(ErrorCode::kNotFound))),
              HasSubstr("does not fail with not_found\n"));
}

TEST(ValueOf, GivesTheValue) {
  EXPECT_EQ(valueOf(Result<int>(3)), 3);
  const std::unique_ptr<int> owned =
      valueOf(Result<std::unique_ptr<int>>(std::make_unique<int>(3)));
  EXPECT_EQ(*owned, 3);
}

bool went_on = false;

void useAFailedResult() {
  try {
    valueOf(Result<int>(notFound()));
    went_on = true;
  } catch (const ::testing::AssertionException&) {
    // GoogleTest does the same with what leaves a test.
  }
}

TEST(ValueOf, FailsTheTestWithTheErrorAndEndsIt) {
  EXPECT_NONFATAL_FAILURE(useAFailedResult(),
                          "expected a value, got error not_found (effect unknown): no such "
                          "container: web [404]");
  EXPECT_FALSE(went_on);
}

TEST(ValueOf, NamesTheLineOfItsCaller) {
  ::testing::TestPartResultArray failures;
  {
    const ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
    useAFailedResult();
  }
  ASSERT_EQ(failures.size(), 1);
  EXPECT_THAT(failures.GetTestPartResult(0).file_name(), HasSubstr("matchers_test.cpp"));
}

}  // namespace
}  // namespace control::testing

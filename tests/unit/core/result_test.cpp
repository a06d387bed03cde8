#include <gtest/gtest.h>

#include <libcontrol/result.h>

namespace control {
namespace {

Result<std::string> half(int number) {
  if (number % 2 != 0) return Error{.code = ErrorCode::kInvalidArgument, .message = "odd"};
  return std::to_string(number / 2);
}

TEST(Result, HoldsTheValueOfASuccess) {
  const auto result = half(4);
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, "2");
  EXPECT_EQ(result->size(), 1U);
  EXPECT_EQ(result.value_or("none"), "2");
}

TEST(Result, HoldsTheErrorOfAFailure) {
  const auto result = half(3);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(result.error().effect, Effect::kNone);
  EXPECT_EQ(result.value_or("none"), "none");
}

TEST(Result, MovesItsValueOut) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  const std::unique_ptr<int> taken = std::move(*result);
  EXPECT_EQ(*taken, 7);
}

TEST(Result, WithoutAValueIsSuccessUnlessItHoldsAnError) {
  EXPECT_TRUE(Result<void>());
  const Result<void> failed(Error{.code = ErrorCode::kUnavailable, .message = "gone"});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "gone");
}

TEST(ErrorCode, HasAFixedNumberAndAName) {
  EXPECT_EQ(static_cast<int>(ErrorCode::kInvalidArgument), 1);
  EXPECT_EQ(static_cast<int>(ErrorCode::kInternal), 14);
  EXPECT_EQ(toString(ErrorCode::kDeadlineExceeded), "deadline_exceeded");
}

}  // namespace
}  // namespace control

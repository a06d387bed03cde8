#pragma once

#include <gtest/gtest.h>
#include <libcontrol/result.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace control::test {

/// The value of a result, or the test ends with the error's words.
template <class T>
T must(Result<T> result) {
  if (!result)
    throw std::runtime_error(std::string(toString(result.error().code)) + ": " +
                             result.error().message);
  return std::move(*result);
}

template <class T>
std::optional<Error> errorOf(const Result<T>& result) {
  return result ? std::nullopt : std::optional<Error>(result.error());
}

}  // namespace control::test

/// Expects an error of that code; prints what came instead.
#define EXPECT_CODE(result, expected)                                               \
  do {                                                                              \
    if (const auto checked_ = ::control::test::errorOf(result))                     \
      EXPECT_EQ(toString(checked_->code), toString(expected)) << checked_->message; \
    else                                                                            \
      ADD_FAILURE() << "succeeded, expected " << toString(expected);                \
  } while (false)

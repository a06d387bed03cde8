#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <utility>

#include <libcontrol/result.h>
#include <libcontrol/testing/printers.h>

namespace control::testing {

namespace internal {

template <class Made>
class GiveAction {
 public:
  explicit GiveAction(std::unique_ptr<Made> made)
      : made_(std::make_shared<std::unique_ptr<Made>>(std::move(made))) {}

  template <class R, class Arguments>
  R Perform(const Arguments&) const {
    if (*made_ == nullptr)
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "the test gives it away once, and this is not the first call"};
    return typename R::value_type(std::move(*made_));
  }

 private:
  std::shared_ptr<std::unique_ptr<Made>> made_;
};

class GiveErrorAction {
 public:
  explicit GiveErrorAction(Error error) : error_(std::move(error)) {}

  template <class R, class Arguments>
  R Perform(const Arguments&) const {
    return error_;
  }

 private:
  Error error_;
};

class GiveEndAction {
 public:
  template <class R, class Arguments>
  R Perform(const Arguments&) const {
    return typename R::value_type();
  }
};

}  // namespace internal

/// Actions for EXPECT_CALL and ON_CALL, beside ::testing::Return, which cannot make a Result that
/// owns something.

/// Gives a watch or a stream away, once: for watchExit, logs, attach, exec, events and pull.
///   EXPECT_CALL(runtime, watchExit).WillOnce(Give(std::move(watch)));
template <class Made>
auto Give(std::unique_ptr<Made> made) {
  return ::testing::MakePolymorphicAction(internal::GiveAction<Made>(std::move(made)));
}

/// Fails, whatever the call returns otherwise.
///   EXPECT_CALL(runtime, events).WillOnce(GiveError({.code = ErrorCode::kUnavailable}));
inline auto GiveError(Error error) {
  return ::testing::MakePolymorphicAction(internal::GiveErrorAction(std::move(error)));
}

/// For next() of a stream: an item, and the end.
///   EXPECT_CALL(*events, next).WillOnce(GiveItem(event)).WillRepeatedly(GiveEnd());
template <class Item>
auto GiveItem(Item item) {
  return ::testing::Return(std::optional<Item>(std::move(item)));
}
inline auto GiveEnd() { return ::testing::MakePolymorphicAction(internal::GiveEndAction()); }

}  // namespace control::testing

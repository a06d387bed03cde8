#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace control {

/// What the caller of a failed operation can do about it. Numbers are fixed; new codes are
/// appended.
enum class ErrorCode : int {
  kInvalidArgument = 1,    ///< the request can never succeed as it is; correct it
  kNotFound = 2,           ///< no such container (or exec session)
  kImageNotFound = 3,      ///< no such image; pull it
  kAlreadyExists = 4,      ///< the name is taken; the existing container is untouched
  kWrongState = 5,         ///< the container's state does not allow it now
  kPortConflict = 6,       ///< a host port is taken
  kPermissionDenied = 7,   ///< the engine, a registry or the kernel refuses us
  kResourceExhausted = 8,  ///< out of memory, disk, descriptors, or a bounded queue is full
  kUnavailable = 9,        ///< the engine cannot be reached or the connection was lost; retry later
  kDeadlineExceeded = 10,  ///< the call's deadline passed
  kCancelled = 11,         ///< the call was cancelled by its caller
  kUnsupported = 12,       ///< this engine cannot do it; of capabilities info() says so before
  kStartFailed = 13,       ///< the engine tried to start the process and it did not start
  kInternal = 14,          ///< a defect: of ours, or an answer of the engine that makes no sense
};

/// What a failed call may have done to the engine.
enum class Effect : int {
  kNone = 0,     ///< nothing was changed
  kApplied = 1,  ///< the change was made although the call failed
  kUnknown = 2,  ///< cannot be told; inspect before acting
};

/// The stable lower-case name of a code, as "not_found".
std::string_view toString(ErrorCode code) noexcept;
std::string_view toString(Effect effect) noexcept;

/// Why an operation failed. `message` holds the reason only; the caller adds what it was doing.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  Effect effect = Effect::kNone;
  std::string message{};
  std::string
      native{};  ///< the engine's own words or status ("409", "EACCES"), for logs; may be empty

  bool is(ErrorCode wanted) const noexcept { return code == wanted; }
  /// Of code kInvalidArgument.
  static Error invalid(std::string why) {
    return {.code = ErrorCode::kInvalidArgument, .message = std::move(why)};
  }
};

/// A value or the Error that prevented it. Member names are those of std::expected.
/// Reading the value of a failed result, or the error of a successful one, is a programming error.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = Error;

  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return checked(); }
  const T& value() const& { return checked(); }
  T&& value() && { return std::move(checked()); }
  T& operator*() & { return checked(); }
  const T& operator*() const& { return checked(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &checked(); }

  Error& error() & { return checkedError(); }
  const Error& error() const& { return checkedError(); }
  Error&& error() && { return std::move(checkedError()); }

  template <class U>
  T value_or(U&& fallback) const& {
    return has_value() ? checked() : static_cast<T>(std::forward<U>(fallback));
  }

 private:
  T& checked() {
    assert(has_value());
    return *std::get_if<0>(&content_);
  }
  const T& checked() const {
    assert(has_value());
    return *std::get_if<0>(&content_);
  }
  Error& checkedError() {
    assert(!has_value());
    return *std::get_if<1>(&content_);
  }
  const Error& checkedError() const {
    assert(!has_value());
    return *std::get_if<1>(&content_);
  }

  std::variant<T, Error> content_;
};

/// Success without a value, or the Error that prevented it.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  using error_type = Error;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  Error& error() & { return checkedError(); }
  const Error& error() const& {
    assert(error_.has_value());
    return *error_;
  }
  Error&& error() && { return std::move(checkedError()); }

 private:
  Error& checkedError() {
    assert(error_.has_value());
    return *error_;
  }

  std::optional<Error> error_;
};

}  // namespace control

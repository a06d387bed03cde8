#pragma once

#include <string>
#include <utility>

#include <libcontrol/result.h>

namespace control::mock {

inline Error failure(ErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message)};
}

inline Error connectionLost() {
  return failure(ErrorCode::kUnavailable, "the connection to the mock engine was lost");
}

inline Error wasCancelled() { return failure(ErrorCode::kCancelled, "it was cancelled"); }

inline Error removedMeanwhile() {
  return failure(ErrorCode::kNotFound, "the container was removed");
}

}  // namespace control::mock

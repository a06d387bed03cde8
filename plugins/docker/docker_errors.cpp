#include "docker/docker_errors.h"

#include "engine/json.h"
#include "engine/reply.h"
#include "engine/words.h"

namespace control::docker {
namespace {

using engine::containsAny;

bool speaksOfPorts(std::string_view text) {
  return containsAny(text, {"port is already allocated", "address already in use"});
}

bool speaksOfCredentials(std::string_view text) {
  return containsAny(text, {"unauthorized", "authentication required", "no basic auth credentials",
                            "denied", "incorrect username or password", "401 Unauthorized",
                            "403 Forbidden", "authorization failed"});
}

bool speaksOfMissingImage(std::string_view text) {
  return containsAny(text, {"manifest unknown", "not found", "No such image", "no such image",
                            "repository does not exist", "name unknown"});
}

bool speaksOfDiskOrMemory(std::string_view text) {
  return containsAny(text, {"no space left on device", "cannot allocate memory",
                            "too many open files", "disk quota exceeded"});
}

ErrorCode notFoundCode(std::string_view text, Subject subject) {
  switch (subject) {
    case Subject::kImage:
    case Subject::kPull:
      return ErrorCode::kImageNotFound;
    case Subject::kCreate:
      return containsAny(text, {"No such image", "no such image"}) ? ErrorCode::kImageNotFound
                                                                   : ErrorCode::kInvalidArgument;
    case Subject::kStart:
      return containsAny(text, {"o such container"}) ? ErrorCode::kNotFound
                                                     : ErrorCode::kStartFailed;
    case Subject::kContainer:
    case Subject::kExec:
      return ErrorCode::kNotFound;
    case Subject::kEngine:
      return ErrorCode::kUnsupported;
  }
  return ErrorCode::kNotFound;
}

ErrorCode codeFor(int status, std::string_view text, Subject subject) {
  if (subject == Subject::kStart && (status == 400 || status >= 500)) {
    if (speaksOfPorts(text)) return ErrorCode::kPortConflict;
    if (speaksOfDiskOrMemory(text)) return ErrorCode::kResourceExhausted;
    if (status != 503) return ErrorCode::kStartFailed;
  }
  if (subject == Subject::kPull && speaksOfCredentials(text)) return ErrorCode::kPermissionDenied;
  if (subject == Subject::kPull && status >= 500)
    return speaksOfMissingImage(text) ? ErrorCode::kImageNotFound : ErrorCode::kUnavailable;
  switch (status) {
    case 400:
      return ErrorCode::kInvalidArgument;
    case 401:
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return notFoundCode(text, subject);
    case 409:
      return subject == Subject::kCreate ? ErrorCode::kAlreadyExists : ErrorCode::kWrongState;
    case 429:
      return ErrorCode::kUnavailable;
    case 501:
      return ErrorCode::kUnsupported;
    case 503:
      return ErrorCode::kUnavailable;
    default:
      break;
  }
  if (speaksOfDiskOrMemory(text)) return ErrorCode::kResourceExhausted;
  // Engines before 23.0 answer some bad parameters with 500.
  if (containsAny(text, {"invalid parameter", "Invalid signal", "invalid signal"}))
    return ErrorCode::kInvalidArgument;
  if (containsAny(text, {"does not support reading"})) return ErrorCode::kUnsupported;
  if (containsAny(text, {"is marked for removal"})) return ErrorCode::kWrongState;
  return ErrorCode::kInternal;
}

}  // namespace

std::string errorText(std::string_view body) {
  if (auto document = engine::JsonDocument::parse(std::string(body)); document) {
    if (auto message = document->root()["message"].string()) return *message;
  }
  return engine::plainErrorText(body);
}

Error errorFromReply(int status, std::string_view body, Subject subject) {
  const std::string text = errorText(body);
  return engine::refusal(status, codeFor(status, text, subject), text);
}

Error pullError(const std::string& text) {
  ErrorCode code = ErrorCode::kUnavailable;
  if (speaksOfCredentials(text)) {
    code = ErrorCode::kPermissionDenied;
  } else if (speaksOfDiskOrMemory(text)) {
    code = ErrorCode::kResourceExhausted;
  } else if (speaksOfMissingImage(text)) {
    code = ErrorCode::kImageNotFound;
  }
  return {.code = code, .message = "the pull failed: " + text, .native = text};
}

bool speaksOfClientVersion(int status, std::string_view body) {
  return status == 400 && body.find("client version") != std::string_view::npos;
}

}  // namespace control::docker

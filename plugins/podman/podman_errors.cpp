#include "podman/podman_errors.h"

#include <optional>

#include "engine/json.h"
#include "engine/reply.h"
#include "engine/words.h"

namespace control::podman {
namespace {

using engine::contains;
using engine::containsAny;

bool speaksOfPorts(std::string_view text) {
  return containsAny(text, {"address already in use", "port is already allocated"});
}

bool speaksOfCredentials(std::string_view text) {
  return containsAny(text, {"unauthorized", "authentication required", "access denied",
                            "invalid username/password", "requested access to the resource",
                            "401 Unauthorized", "403 Forbidden"});
}

bool speaksOfMissingImage(std::string_view text) {
  return containsAny(text, {"image not known", "manifest unknown", "name unknown",
                            "repository name not known", "failed to find image"});
}

bool speaksOfExhaustion(std::string_view text) {
  return containsAny(
      text, {"no space left on device", "cannot allocate memory", "too many open files",
             "disk quota exceeded", "no lock available", "allocation failed; exceeded num_locks"});
}

/// What Podman says of a specification that it cannot follow.
bool speaksOfTheRequest(std::string_view text) {
  return containsAny(
      text,
      {"invalid argument", "invalid signal", "unknown capability", "network not found", "statfs ",
       "memoryswap limit", "memory limit allowed", "cfs quota", "invalid reference",
       "names must match", "decode()", "is an invalid filter", "invalid log driver"});
}

bool speaksOfUnsupported(std::string_view text) {
  return containsAny(text, {"this container is not logging output", "container-init binary",
                            "not supported in rootless", "on cgroups V1 not supported",
                            "stats is not supported", "is the infra container of pod"});
}

/// A code that holds whatever the request was about.
std::optional<ErrorCode> plainCode(std::string_view text) {
  if (containsAny(text, {"no such container", "no container with", "no such exec session"}))
    return ErrorCode::kNotFound;
  if (speaksOfExhaustion(text)) return ErrorCode::kResourceExhausted;
  if (speaksOfUnsupported(text)) return ErrorCode::kUnsupported;
  if (speaksOfState(text)) return ErrorCode::kWrongState;
  return std::nullopt;
}

ErrorCode codeOfStatus(int status, Subject subject) {
  switch (status) {
    case 400:
      return ErrorCode::kInvalidArgument;
    case 401:
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      if (subject == Subject::kEngine) return ErrorCode::kUnsupported;
      if (subject == Subject::kImage || subject == Subject::kPull) return ErrorCode::kImageNotFound;
      return ErrorCode::kNotFound;
    case 409:
      return subject == Subject::kCreate ? ErrorCode::kAlreadyExists : ErrorCode::kWrongState;
    case 501:
      return ErrorCode::kUnsupported;
    case 429:
    case 503:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

ErrorCode codeFor(int status, std::string_view text, Subject subject) {
  if (subject == Subject::kPull) return pullError(std::string(text)).code;
  if (speaksOfLostStorage(text))
    return subject == Subject::kStart ? ErrorCode::kStartFailed : ErrorCode::kInternal;
  if (const auto code = plainCode(text); code) return *code;
  if (subject == Subject::kStart) {
    if (speaksOfPorts(text)) return ErrorCode::kPortConflict;
    return status >= 400 && status != 401 && status != 403 && status != 503
               ? ErrorCode::kStartFailed
               : codeOfStatus(status, subject);
  }
  if (subject == Subject::kCreate) {
    if (containsAny(text, {"name is already in use", "is already in use by"}))
      return ErrorCode::kAlreadyExists;
    if (speaksOfMissingImage(text)) return ErrorCode::kImageNotFound;
  }
  // The OCI runtime refuses a limit; it does not say why.
  if (subject == Subject::kUpdate && containsAny(text, {"update --resources"}))
    return ErrorCode::kInvalidArgument;
  if (subject == Subject::kImage && speaksOfMissingImage(text)) return ErrorCode::kImageNotFound;
  if (status >= 500 && speaksOfTheRequest(text)) return ErrorCode::kInvalidArgument;
  if (subject == Subject::kExec && containsAny(text, {"no matching entries in passwd file"}))
    return ErrorCode::kInvalidArgument;
  return codeOfStatus(status, subject);
}

}  // namespace

bool speaksOfState(std::string_view text) {
  return containsAny(text, {"container state improper", "exec session state improper"});
}

bool speaksOfLostStorage(std::string_view text) {
  return containsAny(text, {"getting container from store", "reading information about layer"}) ||
         (contains(text, "mounting storage for container") &&
          containsAny(text, {"no such container", "container not known"}));
}

bool speaksOfLeftOver(std::string_view text) {
  return containsAny(text,
                     {"container with given ID already exists", "` already exists"});  // runc, crun
}

bool speaksOfRunning(std::string_view text, const ContainerId& id) {
  return text.find(" start " + id.value + "` failed: exit status") != std::string_view::npos;
}

std::string errorText(std::string_view body) {
  if (auto document = engine::JsonDocument::parse(std::string(body)); document) {
    const auto message = document->root()["message"].string();
    const auto cause = document->root()["cause"].string();
    if (message && cause && message->find(*cause) == std::string::npos)
      return *message + ": " + *cause;
    if (message) return *message;
    if (cause) return *cause;
  }
  return engine::plainErrorText(body);
}

Error errorFromReply(int status, std::string_view body, Subject subject) {
  const std::string text = errorText(body);
  Error error = engine::refusal(status, codeFor(status, text, subject), text);
  if (speaksOfLostStorage(text))
    error.message += "; the engine has lost its storage: remove the container and create it anew";
  return error;
}

Error pullError(const std::string& text) {
  ErrorCode code = ErrorCode::kUnavailable;
  if (speaksOfCredentials(text)) {
    code = ErrorCode::kPermissionDenied;
  } else if (speaksOfExhaustion(text)) {
    code = ErrorCode::kResourceExhausted;
  } else if (speaksOfMissingImage(text) || containsAny(text, {"did not resolve to an alias"})) {
    code = ErrorCode::kImageNotFound;
  } else if (containsAny(text, {"invalid reference"})) {
    code = ErrorCode::kInvalidArgument;
  }
  return {.code = code, .message = "the pull failed: " + text, .native = text};
}

}  // namespace control::podman

#pragma once

#include <string>
#include <string_view>

#include <libcontrol/result.h>
#include <libcontrol/types.h>

#include "engine/http_client.h"

namespace control::podman {

/// What a request was about: the same status means different things.
enum class Subject { kEngine, kContainer, kCreate, kStart, kUpdate, kImage, kPull, kExec };

/// The engine's words in an error body: the message of {"cause":…,"message":…}, with the cause
/// where the message does not hold it, else the plain text.
std::string errorText(std::string_view body);

/// The Error for an answer that is no success. Podman answers 500 to nearly everything, so that
/// the words decide before the status does. `effect` is kNone: the engine refused.
Error errorFromReply(int status, std::string_view body, Subject subject);
inline Error refused(const engine::HttpResponse& response, Subject subject) {
  return errorFromReply(response.head.status, response.body, subject);
}
inline Error wrongState(std::string message) {
  return {.code = ErrorCode::kWrongState, .message = std::move(message)};
}

/// The Error for a failure that is told in the middle of a pull.
Error pullError(const std::string& text);

/// A refusal because the container is not in a state for it.
bool speaksOfState(std::string_view text);
/// An inspection or a start that failed because the engine's storage has lost the container, which
/// is there all the same.
bool speaksOfLostStorage(std::string_view text);
/// A start that the OCI runtime refused for what an earlier one had left with it.
bool speaksOfLeftOver(std::string_view text);
/// A start of what is set up that the OCI runtime refused: it runs.
bool speaksOfRunning(std::string_view text, const ContainerId& id);

}  // namespace control::podman

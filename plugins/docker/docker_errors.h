#pragma once

#include <string>
#include <string_view>

#include <libcontrol/result.h>

namespace control::docker {

/// What a request was about: the same status means different things.
enum class Subject { kEngine, kContainer, kCreate, kStart, kImage, kPull, kExec };

/// The engine's words in an error body: the message of {"message":…}, else the plain text.
std::string errorText(std::string_view body);

/// The Error for an answer that is no success. `effect` is kNone: the engine refused.
Error errorFromReply(int status, std::string_view body, Subject subject);

/// The Error for a failure that is told in the middle of a pull.
Error pullError(const std::string& text);

/// A client version that the engine does not speak.
bool speaksOfClientVersion(int status, std::string_view body);

}  // namespace control::docker

#pragma once

#include <optional>
#include <string>

#include "agent/panel/command.h"

namespace agent {

/// A message of the older format, as the command it stands for.
struct LegacyRequest {
  enum class Kind {
    kAction,      ///< `command.action` is one of actions()
    kSystemInfo,  ///< answered with `system_info`
    kSuspend,
    kUnsuspend,
    kReinstall,
  };
  Kind kind = Kind::kAction;
  Command command{};
};

/// The request in a message of this `type`; absent when the type is not one of the older format.
/// Refusal INVALID_PAYLOAD: `data` is not as it must be.
std::optional<LegacyRequest> readLegacy(const std::string& type, const Json& message);

/// The messageId as text; empty when there is none.
std::string legacyMessageId(const Json& message);

}  // namespace agent

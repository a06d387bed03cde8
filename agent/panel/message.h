#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <libcontrol/call.h>

#include "agent/panel/json_text.h"

namespace agent {

/// `2026-01-02T03:04:05.678Z`.
std::string formatTimestamp(control::WallTime time);
std::string timestampNow();

/// `{code, message}`. Messages repeat what a panel sent: one that is too long is cut.
Json encodeError(std::string_view code, std::string_view message);

/// The answers and events of the protocol as text, ready to be sent. `data` is left out when null.
std::string writeSuccess(std::string_view id, std::string_view action, Json data);
std::string writeFailure(std::string_view id, std::string_view code, std::string_view message,
                         Json data = {});
std::string writeEvent(std::string_view event, std::uint64_t sequence, Json data);
/// An error that no id connects to a command.
std::string writeError(std::string_view code, std::string_view message);
/// `{type, data, messageId?, timestamp}`; an empty `message_id` is left out.
std::string writeLegacy(std::string_view type, Json data, std::string_view message_id = {});

}  // namespace agent

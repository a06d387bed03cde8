#pragma once

#include <string>
#include <string_view>

#include "agent/panel/fields.h"
#include "agent/panel/json_text.h"

namespace agent {

/// One request of the panel, from a command or from a legacy message.
struct Command {
  std::string id;  ///< empty: a legacy message without messageId
  std::string action;
  std::string server_id;  ///< empty: none was named
  Json payload;           ///< an object, or null
  bool legacy = false;    ///< answered with legacy messages

  Fields fields() const { return Fields(&payload, legacy ? "data" : "payload"); }
  /// Which fields a payload belongs to: two commands with the same content are the same command.
  std::string content() const;
  /// What its payload takes in memory.
  std::size_t bytes() const;
};

/// The longest id that is taken.
inline constexpr std::size_t kMaximumIdLength = 256;

/// Reads a message whose `type` is `command`. Refuses with INVALID_COMMAND, WRONG_AGENT or
/// INVALID_PAYLOAD. Whether the action exists is not looked at, nor is the serverId's form.
Command decodeCommand(const Json& message, std::string_view node_id);

/// 1 to 64 of A-Z a-z 0-9 . _ -, starting with a letter or digit.
bool isServerId(std::string_view text) noexcept;

/// The command's server. INVALID_PAYLOAD: none, or not of the form of isServerId.
const std::string& requireServerId(const Command& command);

}  // namespace agent

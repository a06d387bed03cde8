#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/panel/link.h"

namespace agent {

/// What a frame meant.
struct FrameEvent {
  enum class Kind : int {
    kNothing,    ///< part of a message, or a pong
    kMessage,    ///< `text` is a whole message
    kProblem,    ///< a message was given up for `problem`; the connection can go on
    kPing,       ///< answer with a pong carrying `text`
    kClose,      ///< the peer closes with `code` (1005: none given); answer and end
    kViolation,  ///< the peer broke RFC 6455; close with `code`, `text` says how
  };
  Kind kind = Kind::kNothing;
  std::string text{};
  int code = 0;
  FrameProblem problem = FrameProblem::kBinary;
};

/// Makes messages of the frames a peer sends and checks what RFC 6455 asks of them. Holds at most
/// `largest_message` bytes: the rest of a larger message is discarded as it comes. Not thread-safe.
class MessageReader {
 public:
  explicit MessageReader(std::size_t largest_message) : largest_message_(largest_message) {}

  /// `first_byte` is the frame's: FIN, RSV and opcode.
  FrameEvent accept(int first_byte, std::string_view payload);

 private:
  enum class Message : int { kNone, kText, kBinary, kDiscarded };

  FrameEvent acceptControl(int opcode, bool final, std::string_view payload);
  FrameEvent acceptData(bool final, std::string_view payload);
  FrameEvent finish();

  const std::size_t largest_message_;
  Message message_ = Message::kNone;
  std::string text_;
};

/// Payload of a close frame.
std::string closePayload(int code, std::string_view reason);

}  // namespace agent

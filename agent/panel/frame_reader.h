#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/utf8.h"

namespace agent {

enum class Opcode : int {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

/// Of the second byte of a frame.
inline constexpr int kMaskBit = 0x80;

/// Codes of RFC 6455, 7.4, that we send or look at.
namespace close_code {
inline constexpr int kGoingAway = 1001;
inline constexpr int kProtocolError = 1002;
inline constexpr int kUnsupported = 1003;
inline constexpr int kNone = 1005;  ///< stands for a close frame without a code
inline constexpr int kBadText = 1007;
inline constexpr int kPolicy = 1008;
inline constexpr int kTooBig = 1009;
inline constexpr int kServiceRestart = 1012;
inline constexpr int kTryAgainLater = 1013;
}  // namespace close_code

/// Why a message could not be handed on.
enum class FrameProblem {
  kBinary,
  kInvalidUtf8,
  kTooLarge,
};

/// What a peer may send.
struct MessageRules {
  std::size_t largest_message = 1024 * 1024;
  /// A message announced larger than this ends the connection; a smaller one can be skipped.
  std::size_t largest_skipped = 16 * 1024 * 1024;
  std::size_t most_fragments = 1024;  ///< of one message
  bool binary = false;
  /// Whether a message that is binary, too large or not UTF-8 is skipped, and the connection goes
  /// on. Otherwise it ends, as RFC 6455 has it.
  bool skip_bad_messages = true;
  /// Whether what waits is sent before the connection is closed. Otherwise it waits for the next
  /// one: who has begun to close may have stopped to listen.
  bool send_before_close = false;
};

/// What a peer's bytes meant.
struct FrameEvent {
  enum class Kind : int {
    kMessage,    ///< `text` is a whole message
    kProblem,    ///< a message was given up for `problem`; its rest is skipped
    kPing,       ///< answer with a pong carrying `text`
    kClose,      ///< the peer closes with `code` (1005: none given), for the reason `text`
    kViolation,  ///< the peer broke RFC 6455 or a limit; close with `code`, `text` says how
  };
  Kind kind = Kind::kMessage;
  std::string text{};
  int code = 0;
  bool binary = false;
  FrameProblem problem = FrameProblem::kBinary;
};

/// Makes messages of the bytes a server sends and checks what RFC 6455 asks of them. Does no I/O;
/// holds one message at most, never more of it than has come. Not thread-safe.
class FrameReader {
 public:
  explicit FrameReader(MessageRules rules = {}) : rules_(rules) {}

  /// Takes the beginning of `bytes` off, up to the end of what makes an event; all of it and
  /// nothing to tell when that is still to come. After a close or a violation all bytes are
  /// ignored.
  std::optional<FrameEvent> next(std::string_view& bytes);

  /// Whether the peer has begun a frame and not ended it.
  bool insideFrame() const { return stage_ == Stage::kPayload || head_size_ > 0; }
  /// Counts the frames that have begun.
  std::uint64_t frames() const { return frames_; }

 private:
  enum class Stage : int { kHead, kPayload, kEnded };
  enum class Message : int { kNone, kText, kBinary, kSkipped };

  bool takeHead(std::string_view& bytes);
  std::size_t headSize() const;
  std::optional<FrameEvent> checkHead();
  std::optional<FrameEvent> beginFrame();
  std::optional<FrameEvent> beginControl();
  std::optional<FrameEvent> beginData();
  std::optional<FrameEvent> takePayload(std::string_view piece);
  std::optional<FrameEvent> endFrame();
  std::optional<FrameEvent> endControl();
  std::optional<FrameEvent> readClose(std::string_view payload);
  std::optional<FrameEvent> reject(FrameProblem problem);
  FrameEvent violation(int code, std::string text);

  bool final() const { return (head_[0] & 0x80) != 0; }
  int opcode() const { return head_[0] & 0x0F; }
  bool control() const { return opcode() >= static_cast<int>(Opcode::kClose); }

  const MessageRules rules_;
  Stage stage_ = Stage::kHead;
  std::array<unsigned char, 10> head_{};
  std::size_t head_size_ = 0;
  std::uint64_t left_ = 0;  ///< of the frame's payload
  std::uint64_t frames_ = 0;

  Message message_ = Message::kNone;
  std::string payload_;  ///< of the message so far
  std::uint64_t message_size_ = 0;
  std::size_t fragments_ = 0;
  Utf8Checker utf8_;
  std::string control_payload_;
};

}  // namespace agent

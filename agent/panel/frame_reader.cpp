#include "agent/panel/frame_reader.h"

#include <algorithm>
#include <utility>

namespace agent {
namespace {

constexpr int kReservedBits = 0x70;
constexpr int kShortLength = 0x7F;
constexpr std::uint64_t kLongestControl = 125;
constexpr int kTwoBytes = 126, kEightBytes = 127;

bool mayBeSent(int close_code) {
  return (close_code >= 1000 && close_code <= 1003) || (close_code >= 1007 && close_code <= 1014) ||
         (close_code >= 3000 && close_code <= 4999);
}

int closeCodeOf(FrameProblem problem) {
  switch (problem) {
    case FrameProblem::kBinary:
      return close_code::kUnsupported;
    case FrameProblem::kInvalidUtf8:
      return close_code::kBadText;
    case FrameProblem::kTooLarge:
      break;
  }
  return close_code::kTooBig;
}

const char* textOf(FrameProblem problem) {
  switch (problem) {
    case FrameProblem::kBinary:
      return "a binary message";
    case FrameProblem::kInvalidUtf8:
      return "text that is not UTF-8";
    case FrameProblem::kTooLarge:
      break;
  }
  return "a message that is too large";
}

}  // namespace

std::optional<FrameEvent> FrameReader::next(std::string_view& bytes) {
  for (;;) {
    if (stage_ == Stage::kEnded) {
      bytes = {};
      return std::nullopt;
    }
    if (stage_ == Stage::kHead) {
      if (!takeHead(bytes)) return std::nullopt;
      if (auto event = beginFrame()) return event;
    }
    if (left_ > 0) {
      if (bytes.empty()) return std::nullopt;
      const std::string_view piece =
          bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_)));
      bytes.remove_prefix(piece.size());
      left_ -= piece.size();
      if (auto event = takePayload(piece)) return event;
      if (left_ > 0) return std::nullopt;
    }
    stage_ = Stage::kHead;
    if (auto event = endFrame()) return event;
  }
}

std::size_t FrameReader::headSize() const {
  if (head_size_ < 2) return 2;
  const int length = head_[1] & kShortLength;
  return length == kTwoBytes ? 4 : length == kEightBytes ? 10 : 2;
}

/// False while bytes of the frame's head are missing.
bool FrameReader::takeHead(std::string_view& bytes) {
  while (head_size_ < headSize()) {
    if (bytes.empty()) return false;
    head_[head_size_++] = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
  }
  return true;
}

FrameEvent FrameReader::violation(int code, std::string text) {
  stage_ = Stage::kEnded;
  payload_ = {};
  return {.kind = FrameEvent::Kind::kViolation, .text = std::move(text), .code = code};
}

/// What can be said of a frame before anything is known of the message.
std::optional<FrameEvent> FrameReader::checkHead() {
  if ((head_[0] & kReservedBits) != 0)
    return violation(close_code::kProtocolError, "reserved bits are set");
  if ((head_[1] & kMaskBit) != 0)
    return violation(close_code::kProtocolError, "a frame of the server is masked");
  const int size = static_cast<int>(headSize());
  left_ = head_[1] & kShortLength;
  if (size == 2) return std::nullopt;
  left_ = 0;
  for (int at = 2; at < size; ++at) left_ = left_ << 8 | head_[static_cast<std::size_t>(at)];
  if (left_ >> 63 != 0)
    return violation(close_code::kProtocolError, "a length with its highest bit set");
  if (left_ < (size == 4 ? std::uint64_t{kTwoBytes} : std::uint64_t{0x10000}))
    return violation(close_code::kProtocolError, "a length in more bytes than it needs");
  return std::nullopt;
}

std::optional<FrameEvent> FrameReader::beginFrame() {
  ++frames_;
  if (auto event = checkHead()) return event;
  stage_ = Stage::kPayload;
  head_size_ = 0;
  return control() ? beginControl() : beginData();
}

std::optional<FrameEvent> FrameReader::beginControl() {
  if (opcode() > static_cast<int>(Opcode::kPong))
    return violation(close_code::kProtocolError, "unknown opcode " + std::to_string(opcode()));
  if (!final()) return violation(close_code::kProtocolError, "a fragmented control frame");
  if (left_ > kLongestControl)
    return violation(close_code::kProtocolError,
                     "a control frame of " + std::to_string(left_) + " bytes");
  control_payload_.clear();
  return std::nullopt;
}

std::optional<FrameEvent> FrameReader::beginData() {
  if (opcode() > static_cast<int>(Opcode::kBinary))
    return violation(close_code::kProtocolError, "unknown opcode " + std::to_string(opcode()));
  const bool begins = opcode() != static_cast<int>(Opcode::kContinuation);
  if (begins && message_ != Message::kNone)
    return violation(close_code::kProtocolError, "a message begins inside another");
  if (!begins && message_ == Message::kNone)
    return violation(close_code::kProtocolError, "a continuation of no message");
  if (begins) {
    message_ = opcode() == static_cast<int>(Opcode::kText) ? Message::kText : Message::kBinary;
    message_size_ = 0;
    fragments_ = 0;
    utf8_ = {};
  }
  if (++fragments_ > rules_.most_fragments)
    return violation(close_code::kPolicy, "a message in more than " +
                                              std::to_string(rules_.most_fragments) + " fragments");
  message_size_ += left_;
  if (message_size_ > std::max(rules_.largest_skipped, rules_.largest_message))
    return violation(close_code::kTooBig,
                     "a message of " + std::to_string(message_size_) + " bytes or more");
  if (message_ == Message::kSkipped) return std::nullopt;
  if (message_ == Message::kBinary && !rules_.binary) return reject(FrameProblem::kBinary);
  if (message_size_ > rules_.largest_message) return reject(FrameProblem::kTooLarge);
  return std::nullopt;
}

std::optional<FrameEvent> FrameReader::reject(FrameProblem problem) {
  if (!rules_.skip_bad_messages) return violation(closeCodeOf(problem), textOf(problem));
  message_ = Message::kSkipped;
  payload_ = {};
  return FrameEvent{.kind = FrameEvent::Kind::kProblem, .problem = problem};
}

std::optional<FrameEvent> FrameReader::takePayload(std::string_view piece) {
  if (control()) {
    control_payload_ += piece;
    return std::nullopt;
  }
  if (message_ == Message::kSkipped) return std::nullopt;
  if (message_ == Message::kText && !utf8_.accept(piece)) return reject(FrameProblem::kInvalidUtf8);
  payload_ += piece;
  return std::nullopt;
}

std::optional<FrameEvent> FrameReader::endFrame() {
  if (control()) return endControl();
  if (!final()) return std::nullopt;
  const Message message = std::exchange(message_, Message::kNone);
  if (message == Message::kSkipped) return std::nullopt;
  if (message == Message::kText && !utf8_.complete()) {
    auto event = reject(FrameProblem::kInvalidUtf8);
    message_ = Message::kNone;
    return event;
  }
  return FrameEvent{.kind = FrameEvent::Kind::kMessage,
                    .text = std::exchange(payload_, {}),
                    .binary = message == Message::kBinary};
}

std::optional<FrameEvent> FrameReader::endControl() {
  if (opcode() == static_cast<int>(Opcode::kPong)) return std::nullopt;
  if (opcode() == static_cast<int>(Opcode::kClose)) return readClose(control_payload_);
  return FrameEvent{.kind = FrameEvent::Kind::kPing, .text = control_payload_};
}

std::optional<FrameEvent> FrameReader::readClose(std::string_view payload) {
  if (payload.size() == 1)
    return violation(close_code::kProtocolError, "a close frame with half a code");
  int code = close_code::kNone;
  std::string_view reason;
  if (!payload.empty()) {
    code = static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
    reason = payload.substr(2);
    if (!mayBeSent(code))
      return violation(close_code::kProtocolError,
                       "a close frame with code " + std::to_string(code));
  }
  if (!isUtf8(reason))
    return violation(close_code::kBadText, "a close frame whose reason is not UTF-8");
  stage_ = Stage::kEnded;
  return FrameEvent{.kind = FrameEvent::Kind::kClose, .text = std::string(reason), .code = code};
}

}  // namespace agent

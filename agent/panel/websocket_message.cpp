#include "agent/panel/websocket_message.h"

#include <utility>

#include "agent/utf8.h"

namespace agent {
namespace {

constexpr int kFinal = 0x80;
constexpr int kReserved = 0x70;
constexpr int kOpcode = 0x0F;
constexpr int kContinuation = 0x0, kText = 0x1, kBinary = 0x2;
constexpr int kClose = 0x8, kPing = 0x9, kPong = 0xA;
constexpr std::size_t kLongestControl = 125;
constexpr int kProtocolError = 1002, kNoCode = 1005, kBadText = 1007;

FrameEvent violation(int code, std::string text) {
  return {.kind = FrameEvent::Kind::kViolation, .text = std::move(text), .code = code};
}

FrameEvent problem(FrameProblem what) {
  return {.kind = FrameEvent::Kind::kProblem, .problem = what};
}

bool mayBeSent(int close_code) {
  return (close_code >= 1000 && close_code <= 1003) || (close_code >= 1007 && close_code <= 1014) ||
         (close_code >= 3000 && close_code <= 4999);
}

FrameEvent readClose(std::string_view payload) {
  if (payload.empty()) return {.kind = FrameEvent::Kind::kClose, .code = kNoCode};
  if (payload.size() == 1) return violation(kProtocolError, "close frame with half a code");
  const int code =
      static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
  if (!mayBeSent(code))
    return violation(kProtocolError, "close frame with code " + std::to_string(code));
  const std::string_view reason = payload.substr(2);
  if (!isUtf8(reason)) return violation(kBadText, "close frame whose reason is not UTF-8");
  return {.kind = FrameEvent::Kind::kClose, .text = std::string(reason), .code = code};
}

}  // namespace

FrameEvent MessageReader::accept(int first_byte, std::string_view payload) {
  const int opcode = first_byte & kOpcode;
  const bool final = (first_byte & kFinal) != 0;
  if ((first_byte & kReserved) != 0) return violation(kProtocolError, "reserved bits are set");
  if (opcode >= kClose) return acceptControl(opcode, final, payload);
  switch (opcode) {
    case kContinuation:
      if (message_ == Message::kNone)
        return violation(kProtocolError, "continuation of no message");
      break;
    case kText:
    case kBinary:
      if (message_ != Message::kNone)
        return violation(kProtocolError, "a message begins inside another");
      message_ = opcode == kText ? Message::kText : Message::kBinary;
      break;
    default:
      return violation(kProtocolError, "unknown opcode " + std::to_string(opcode));
  }
  return acceptData(final, payload);
}

FrameEvent MessageReader::acceptControl(int opcode, bool final, std::string_view payload) {
  if (!final) return violation(kProtocolError, "fragmented control frame");
  if (payload.size() > kLongestControl)
    return violation(kProtocolError,
                     "control frame of " + std::to_string(payload.size()) + " bytes");
  switch (opcode) {
    case kClose:
      return readClose(payload);
    case kPing:
      return {.kind = FrameEvent::Kind::kPing, .text = std::string(payload)};
    case kPong:
      return {};
    default:
      return violation(kProtocolError, "unknown opcode " + std::to_string(opcode));
  }
}

FrameEvent MessageReader::acceptData(bool final, std::string_view payload) {
  FrameEvent event;
  if (message_ == Message::kText) {
    if (payload.size() > largest_message_ - text_.size()) {
      event = problem(FrameProblem::kTooLarge);
      message_ = Message::kDiscarded;
      text_ = {};
    } else {
      text_ += payload;
    }
  }
  if (!final) return event;
  return event.kind == FrameEvent::Kind::kProblem ? (message_ = Message::kNone, event) : finish();
}

FrameEvent MessageReader::finish() {
  const Message message = std::exchange(message_, Message::kNone);
  if (message == Message::kBinary) return problem(FrameProblem::kBinary);
  if (message == Message::kDiscarded) return {};
  std::string text = std::exchange(text_, {});
  if (!isUtf8(text)) return problem(FrameProblem::kInvalidUtf8);
  return {.kind = FrameEvent::Kind::kMessage, .text = std::move(text)};
}

std::string closePayload(int code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  payload += reason.substr(0, kLongestControl - 2);
  return payload;
}

}  // namespace agent

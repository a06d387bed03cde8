#include "agent/panel/output.h"

#include <algorithm>
#include <utility>

namespace agent {
namespace {

/// A buffer that grew beyond this is given back when it is empty.
constexpr std::size_t kKeptBuffer = 128 * 1024;

}  // namespace

void Output::frame(Opcode opcode, std::string_view payload) {
  const std::uint64_t begin = sent_ + pending();
  writer_.append(bytes_, opcode, payload);
  const bool data = opcode == Opcode::kText || opcode == Opcode::kBinary;
  frames_.push_back({begin, sent_ + pending(), data ? Carries::kText : Carries::kControl});
}

void Output::message(Outbox::Message message) {
  // The frame's copy is masked; the message itself may be needed again.
  frame(message.binary ? Opcode::kBinary : Opcode::kText, message.text);
  frames_.back().carries = Carries::kMessage;
  messages_.push_back(std::move(message));
}

std::size_t Output::sent(std::size_t bytes) {
  sent_ += bytes;
  begun_ += bytes;
  std::size_t completed = 0;
  for (; !frames_.empty() && frames_.front().end <= sent_; frames_.pop_front()) {
    if (frames_.front().carries != Carries::kControl) ++completed;
    if (frames_.front().carries == Carries::kMessage) messages_.pop_front();
  }
  // Moving the rest to the front is worth it once it is the smaller part.
  if (begun_ * 2 >= bytes_.size()) {
    bytes_.erase(0, std::exchange(begun_, 0));
    if (bytes_.empty() && bytes_.capacity() > kKeptBuffer) bytes_ = {};
  }
  return completed;
}

std::vector<Outbox::Message> Output::removeFrom(std::uint64_t begin) {
  std::vector<Outbox::Message> messages;
  for (; !frames_.empty() && frames_.back().begin >= begin; frames_.pop_back()) {
    const Frame& frame = frames_.back();
    if (frame.carries == Carries::kMessage) {
      messages.push_back(std::move(messages_.back()));
      messages_.pop_back();
    }
    const std::uint64_t rest = frame.begin > sent_ ? frame.begin - sent_ : 0;
    bytes_.resize(begun_ + static_cast<std::size_t>(rest));
  }
  return messages;
}

void Output::held(std::size_t bytes) { held_ = std::max(held_, sent_ + bytes); }

std::vector<Outbox::Message> Output::cut() { return removeFrom(std::max(sent_, held_)); }

std::vector<Outbox::Message> Output::takeBack() { return removeFrom(0); }

}  // namespace agent

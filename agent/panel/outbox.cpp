#include "agent/panel/outbox.h"

#include <utility>

namespace agent {

std::deque<Outbox::Message>& Outbox::queueOf(Delivery delivery) {
  switch (delivery) {
    case Delivery::kResult:
      return results_;
    case Delivery::kState:
      return states_;
    case Delivery::kStream:
      break;
  }
  return streams_;
}

std::size_t Outbox::count() const { return results_.size() + states_.size() + streams_.size(); }

void Outbox::makeRoom() {
  while (count() - results_.size() > limits_.messages || bytes_ - result_bytes_ > limits_.bytes) {
    std::deque<Message>& queue = streams_.empty() ? states_ : streams_;
    if (queue.empty()) return;
    bytes_ -= queue.front().text.size();
    queue.pop_front();
    ++dropped_;
  }
}

void Outbox::push(std::string text, Delivery delivery) {
  const std::lock_guard lock(mutex_);
  bytes_ += text.size();
  if (delivery == Delivery::kResult) result_bytes_ += text.size();
  queueOf(delivery).push_back({std::move(text), delivery, next_number_++});
  makeRoom();
}

std::optional<Outbox::Message> Outbox::take() {
  const std::lock_guard lock(mutex_);
  if (count() == 0) return std::nullopt;
  const bool stream_is_older =
      !streams_.empty() && (states_.empty() || streams_.front().number < states_.front().number);
  std::deque<Message>& queue = !results_.empty() ? results_ : stream_is_older ? streams_ : states_;
  Message message = std::move(queue.front());
  queue.pop_front();
  bytes_ -= message.text.size();
  if (message.delivery == Delivery::kResult) result_bytes_ -= message.text.size();
  return message;
}

void Outbox::putBack(Message message) {
  const std::lock_guard lock(mutex_);
  bytes_ += message.text.size();
  if (message.delivery == Delivery::kResult) result_bytes_ += message.text.size();
  queueOf(message.delivery).push_front(std::move(message));
  makeRoom();
}

bool Outbox::empty() const { return messages() == 0; }

std::size_t Outbox::messages() const {
  const std::lock_guard lock(mutex_);
  return count();
}

std::size_t Outbox::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t Outbox::resultBytes() const {
  const std::lock_guard lock(mutex_);
  return result_bytes_;
}

std::uint64_t Outbox::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace agent

#include "agent/panel/outgoing.h"

#include "agent/panel/message.h"

namespace agent {

void Outgoing::result(std::string text) { send_(std::move(text), Delivery::kResult); }

void Outgoing::event(std::string_view name, Json data, Delivery delivery) {
  const std::lock_guard lock(mutex_);
  emit(writeEvent(name, ++sequence_, std::move(data)), delivery);
}

void Outgoing::legacy(std::string_view type, Json data) {
  const std::lock_guard lock(mutex_);
  emit(writeLegacy(type, std::move(data)), Delivery::kState);
}

std::string Outgoing::numbered(std::string_view name, Json data) {
  const std::lock_guard lock(mutex_);
  return writeEvent(name, ++sequence_, std::move(data));
}

/// With mutex_ held, so that events are handed on in the order of their numbers.
void Outgoing::emit(std::string text, Delivery delivery) {
  if (held_ > 0) {
    kept_back_.emplace_back(std::move(text), delivery);
  } else {
    send_(std::move(text), delivery);
  }
}

Outgoing::Hold::Hold(Outgoing& outgoing) : outgoing_(outgoing) {
  const std::lock_guard lock(outgoing_.mutex_);
  ++outgoing_.held_;
}

Outgoing::Hold::~Hold() {
  const std::lock_guard lock(outgoing_.mutex_);
  if (--outgoing_.held_ > 0) return;
  for (auto& [text, delivery] : outgoing_.kept_back_) outgoing_.send_(std::move(text), delivery);
  outgoing_.kept_back_.clear();
}

}  // namespace agent

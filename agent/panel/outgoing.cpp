#include "agent/panel/outgoing.h"

#include "agent/panel/message.h"

namespace agent {
namespace {

/// What may become of a message while it waits, by the protocol.
Outbound described(std::string_view name, const Json& data, Delivery otherwise) {
  Outbound message{.delivery = otherwise};
  const Json* id = data.find("serverId");
  const std::string server_id = id != nullptr && id->text() != nullptr ? *id->text() : "";
  if (name == "command_completed") {
    message.delivery = Delivery::kOutcome;
  } else if (name == "server_log" || name == "server_log_gap" || name == "server_output") {
    message.delivery = Delivery::kConsole;
    message.subject = server_id;
  } else if (name == "server_status_changed" || name == "server_status") {
    message.delivery = Delivery::kState;
    message.subject = std::string(name) + ' ' + server_id;
  }
  return message;
}

}  // namespace

void Outgoing::result(std::string text) {
  send_({.text = std::move(text), .delivery = Delivery::kResult});
}

void Outgoing::event(std::string_view name, Json data, Delivery delivery) {
  Outbound message = described(name, data, delivery);
  const std::lock_guard lock(mutex_);
  message.sequence = ++sequence_;
  message.text = writeEvent(name, message.sequence, std::move(data));
  emit(std::move(message));
}

void Outgoing::legacy(std::string_view type, Json data) {
  Outbound message = described(type, data, Delivery::kState);
  // Not to be taken for the event of the same name.
  if (message.delivery == Delivery::kState && !message.subject.empty())
    message.subject += " legacy";
  const std::lock_guard lock(mutex_);
  message.text = writeLegacy(type, std::move(data));
  emit(std::move(message));
}

std::string Outgoing::numbered(std::string_view name, const std::function<Json()>& read) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++sequence_;
  }
  return writeEvent(name, number, read());
}

/// With mutex_ held, so that events are handed on in the order of their numbers.
void Outgoing::emit(Outbound message) {
  if (held_ > 0) {
    kept_back_.push_back(std::move(message));
  } else {
    send_(std::move(message));
  }
}

Outgoing::Hold::Hold(Outgoing& outgoing) : outgoing_(outgoing) {
  const std::lock_guard lock(outgoing_.mutex_);
  ++outgoing_.held_;
}

Outgoing::Hold::~Hold() {
  const std::lock_guard lock(outgoing_.mutex_);
  if (--outgoing_.held_ > 0) return;
  for (Outbound& message : outgoing_.kept_back_) outgoing_.send_(std::move(message));
  outgoing_.kept_back_.clear();
}

}  // namespace agent

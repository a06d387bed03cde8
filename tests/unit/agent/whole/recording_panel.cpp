#include "unit/agent/whole/recording_panel.h"

#include <chrono>
#include <stdexcept>

namespace agent {

void RecordingPanel::receive(const std::string& text) {
  JsonReading reading = readJsonObject(text);
  if (!reading.value) throw std::runtime_error("the agent sent no JSON: " + text);
  {
    const std::lock_guard lock(mutex_);
    messages_.push_back(*std::move(reading.value));
  }
  arrived_.notify_all();
}

Json RecordingPanel::waitFor(const Predicate& predicate, std::size_t from) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::unique_lock lock(mutex_);
  for (;;) {
    for (; from < messages_.size(); ++from)
      if (predicate(messages_[from])) return messages_[from];
    if (arrived_.wait_until(lock, deadline) == std::cv_status::timeout) return {};
  }
}

std::vector<Json> RecordingPanel::all() const {
  const std::lock_guard lock(mutex_);
  return messages_;
}

std::size_t RecordingPanel::count() const {
  const std::lock_guard lock(mutex_);
  return messages_.size();
}

Json RecordingPanel::response(const std::string& id, std::size_t from) {
  return waitFor([&](const Json& m) { return at(m, "type") == "response" && at(m, "id") == id; },
                 from);
}

Json RecordingPanel::completed(const std::string& id, std::size_t from) {
  return waitFor(
      [&](const Json& m) {
        return at(m, "event") == "command_completed" && at(m, "data.commandId") == id;
      },
      from);
}

Json RecordingPanel::change(const std::string& server_id, const std::string& status,
                            std::size_t from) {
  return waitFor(
      [&](const Json& m) {
        return at(m, "event") == "server_status_changed" && at(m, "data.serverId") == server_id &&
               at(m, "data.status") == status;
      },
      from);
}

std::string at(const Json& message, std::string_view path) {
  const Json* value = &message;
  while (value != nullptr && !path.empty()) {
    const std::size_t dot = path.find('.');
    value = value->find(path.substr(0, dot));
    path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
  }
  if (value == nullptr) return "-";
  return value->text() != nullptr ? *value->text() : value->write();
}

}  // namespace agent

#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "agent/panel/json_text.h"
#include "agent/panel/link.h"

namespace agent {

/// Keeps what an agent sends, and waits for what it is to send. Threads: any.
class RecordingPanel {
 public:
  using Predicate = std::function<bool(const Json& message)>;

  void receive(const std::string& text);

  /// The first message from index `from` on that `predicate` likes; null when none comes in time.
  Json waitFor(const Predicate& predicate, std::size_t from = 0);
  std::vector<Json> all() const;
  std::size_t count() const;

  Json response(const std::string& id, std::size_t from = 0);
  Json completed(const std::string& id, std::size_t from = 0);
  Json change(const std::string& server_id, const std::string& status, std::size_t from = 0);

 private:
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Json> messages_;
};

/// The member at `path` ("data.serverId") as compact JSON without quotes; "-" when missing.
std::string at(const Json& message, std::string_view path);

}  // namespace agent

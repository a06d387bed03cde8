#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/panel/json_text.h"
#include "agent/panel/link.h"

namespace agent {

/// Everything that is sent after the greeting: numbers the events, and keeps them back while a
/// command is being accepted, so that no event comes before the response it belongs to.
///
/// Threads: any. Blocking: none.
class Outgoing {
 public:
  using Send = std::function<void(std::string text, Delivery delivery)>;

  explicit Outgoing(Send send) : send_(std::move(send)) {}

  /// A response or error: at once, in front of events that are kept back.
  void result(std::string text);
  void event(std::string_view name, Json data, Delivery delivery = Delivery::kState);
  /// A legacy message that takes its place among the events.
  void legacy(std::string_view type, Json data);
  /// The text of an event that somebody else sends.
  std::string numbered(std::string_view name, Json data);

  /// Keeps events back as long as it lives.
  class Hold {
   public:
    explicit Hold(Outgoing& outgoing);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Outgoing& outgoing_;
  };

 private:
  void emit(std::string text, Delivery delivery);

  Send send_;
  std::mutex mutex_;
  std::uint64_t sequence_ = 0;
  int held_ = 0;
  std::vector<std::pair<std::string, Delivery>> kept_back_;
};

}  // namespace agent

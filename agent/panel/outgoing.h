#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/panel/json_text.h"
#include "agent/panel/outbound.h"

namespace agent {

/// Everything that is sent after the greeting: numbers the events, and keeps them back while a
/// command is being accepted, so that no event comes before the response it belongs to.
///
/// Threads: any. Blocking: none.
class Outgoing {
 public:
  using Send = std::function<void(Outbound message)>;

  explicit Outgoing(Send send) : send_(std::move(send)) {}

  /// A response or error: at once, in front of events that are kept back.
  void result(std::string text);
  /// What the protocol knows better is not asked for: changes of state stand for older ones of the
  /// same server, server_log is kConsole, command_completed kOutcome.
  void event(std::string_view name, Json data, Delivery delivery = Delivery::kState);
  /// A legacy message that takes its place among the events; likewise.
  void legacy(std::string_view type, Json data);
  /// The text of an event that somebody else sends.
  /// `read` is asked for the data once its number is fixed: what is newer has a higher one.
  std::string numbered(std::string_view name, const std::function<Json()>& read);

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
  void emit(Outbound message);

  Send send_;
  std::mutex mutex_;
  std::uint64_t sequence_ = 0;
  int held_ = 0;
  std::vector<Outbound> kept_back_;
};

}  // namespace agent

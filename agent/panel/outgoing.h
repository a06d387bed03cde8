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
  /// What results and ends of commands take that wait to be sent, in bytes.
  using Unsent = std::function<std::size_t()>;

  /// With so much of it nothing more is read for the panel. Results are never dropped, and what
  /// reads is the one thing whose results are large: a panel that stands still would otherwise have
  /// the agent hold those of all commands that it had sent before.
  static constexpr std::size_t kMostUnsent = 16 * 1024 * 1024;

  /// What a panel is told then; the code is BUSY.
  static constexpr const char* kReadAnswers =
      "so many answers wait to be read that nothing more is read for now; read them, and then send "
      "this again";

  Outgoing(Send send, Unsent unsent) : send_(std::move(send)), unsent_(std::move(unsent)) {}

  /// A response or error: at once, in front of events that are kept back.
  void result(std::string text);
  /// Whether kMostUnsent wait.
  bool isFull() const { return unsent_() >= kMostUnsent; }
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
  Unsent unsent_;
  std::mutex mutex_;
  std::uint64_t sequence_ = 0;
  int held_ = 0;
  std::vector<Outbound> kept_back_;
};

}  // namespace agent

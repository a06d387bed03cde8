#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "agent/panel/outbound.h"

namespace agent {

/// What waits to be sent to the panel, whether there is a connection or not.
///
/// Results come out first, the rest in the order it went in. When a limit is reached, measurements
/// go first; then console lines, the oldest first, or changes of state that a newer one stands for,
/// whichever there is more of. Results and outcomes are never dropped and do not count: how many
/// there can be is bounded by the commands in progress, and how large by Outgoing::kMostUnsent.
///
/// Threads: any. Blocking: none. Errors: none.
class Outbox {
 public:
  struct Limits {
    std::size_t messages = 4096;
    std::size_t bytes = 4 * 1024 * 1024;
  };
  struct Message : Outbound {
    std::uint64_t number = 0;  ///< in the order of arrival
    /// Not 0: stands for so many lines of `subject` that were dropped, up to the event `sequence`;
    /// its text is still to be written.
    std::uint64_t dropped_lines = 0;
  };

  Outbox() = default;
  explicit Outbox(Limits limits) : limits_(limits) {}

  void push(Outbound message);
  void push(std::string text, Delivery delivery) {
    push({.text = std::move(text), .delivery = delivery});
  }
  std::optional<Message> take();
  /// Returns a message that was taken and could not be sent to where it was; of several the one
  /// that was taken last comes first.
  void putBack(Message message);

  bool empty() const { return messages() == 0; }
  std::size_t messages() const;
  std::size_t bytes() const;
  /// Of results and outcomes.
  std::size_t keptBytes() const;
  std::uint64_t dropped() const;

 private:
  struct Gap {
    std::string subject;
    std::uint64_t lines = 0;
    std::uint64_t sequence = 0;
  };
  using Queue = std::deque<Message>;

  Queue& queueOf(Delivery delivery);
  void count(const Message& message);
  void uncount(const Message& message);
  void makeRoom();
  void dropFront(Queue& queue);
  void dropLine();
  bool dropSupersededStates();
  Message takeGap();

  const Limits limits_{};
  mutable std::mutex mutex_;
  Queue results_;
  Queue outcomes_;
  Queue states_;
  Queue lines_;
  Queue streams_;
  /// By the number of the last line that is missing, and where to find that by server.
  std::map<std::uint64_t, Gap> gaps_;
  std::map<std::string, std::uint64_t> gap_of_;
  std::size_t bytes_ = 0;
  std::size_t kept_bytes_ = 0;
  std::uint64_t next_number_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace agent

#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "agent/panel/link.h"

namespace agent {

/// What waits to be sent to the panel, whether there is a connection or not.
///
/// Results come out first, the rest in the order it went in. When a limit is reached the oldest
/// kStream message goes, then the oldest kState: the snapshot that opens each connection stands for
/// it. Results are never dropped and do not count: how many there can be is bounded by the commands
/// in progress, and a panel that asks much must not lose the ends of what it had done.
///
/// Threads: any. Blocking: none. Errors: none.
class Outbox {
 public:
  struct Limits {
    std::size_t messages = 4096;
    std::size_t bytes = 4 * 1024 * 1024;
  };
  struct Message {
    std::string text;
    Delivery delivery = Delivery::kState;
    std::uint64_t number = 0;  ///< in the order of arrival
  };

  Outbox() = default;
  explicit Outbox(Limits limits) : limits_(limits) {}

  void push(std::string text, Delivery delivery);
  std::optional<Message> take();
  /// Returns a message that was taken and could not be sent to where it was.
  void putBack(Message message);

  bool empty() const;
  std::size_t messages() const;
  std::size_t bytes() const;
  std::size_t resultBytes() const;
  std::uint64_t dropped() const;

 private:
  std::deque<Message>& queueOf(Delivery delivery);
  std::size_t count() const;
  void makeRoom();

  const Limits limits_{};
  mutable std::mutex mutex_;
  std::deque<Message> results_;
  std::deque<Message> states_;
  std::deque<Message> streams_;
  std::size_t bytes_ = 0;
  std::size_t result_bytes_ = 0;
  std::uint64_t next_number_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace agent

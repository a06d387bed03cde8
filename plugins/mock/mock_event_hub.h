#pragma once

#include <cstdint>
#include <vector>

#include <libcontrol/streams.h>

#include "mock/mock_rules.h"

namespace control::mock {

class EventQueue;

/// Tells the subscribers of an engine what happens, or fails to as rules want it.
class EventHub {
 public:
  void subscribe(EventQueue& queue) { subscribers_.push_back(&queue); }
  void unsubscribe(EventQueue& queue) noexcept { std::erase(subscribers_, &queue); }
  bool heard() const noexcept { return !subscribers_.empty(); }

  /// With somebody to hear it: what nobody hears uses up no rule.
  void publish(const Event& event, Rules& rules);

  /// The next `count` events are lost.
  void lose(std::uint64_t count, bool tell_gap);
  void duplicateNext() { duplicates_next_ = true; }
  void clear();

 private:
  void deliver(const Event& event);

  std::vector<EventQueue*> subscribers_;
  std::uint64_t to_lose_ = 0;
  bool tells_gap_ = false;
  bool duplicates_next_ = false;
};

}  // namespace control::mock

#include "mock/mock_event_hub.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "mock/mock_event_queue.h"

namespace control::mock {

void EventHub::publish(const Event& event, Rules& rules) {
  if (!rules.empty()) {
    const RuleSubject subject{
        .name = event.name, .id = event.container.value, .labels = &event.labels};
    if (const auto match = rules.matchEvent(event.type, subject)) {
      lose(match->action.lose_events, match->action.tell_gap);
      if (match->action.duplicate_event) duplicateNext();
    }
  }
  if (to_lose_ > 0) {
    --to_lose_;
    if (tells_gap_)
      for (EventQueue* queue : subscribers_) queue->offerGap(event.at);
    return;
  }
  deliver(event);
  if (std::exchange(duplicates_next_, false)) deliver(event);
}

void EventHub::deliver(const Event& event) {
  for (EventQueue* queue : subscribers_) queue->offer(event);
}

void EventHub::lose(std::uint64_t count, bool tell_gap) {
  if (count == 0) return;
  to_lose_ += std::min(count, UINT64_MAX - to_lose_);
  tells_gap_ = tell_gap;
}

void EventHub::clear() {
  to_lose_ = 0;
  duplicates_next_ = false;
}

}  // namespace control::mock

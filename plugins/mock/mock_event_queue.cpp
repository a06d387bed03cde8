#include "mock/mock_event_queue.h"

#include "mock/mock_spec.h"

namespace control::mock {

std::unique_ptr<EventQueue> EventQueue::open(const std::shared_ptr<Engine>& engine,
                                             EventFilter filter, StreamFault fault) {
  std::unique_ptr<EventQueue> queue(new EventQueue(engine, std::move(filter), std::move(fault)));
  queue->attach();
  engine->events().subscribe(*queue);
  return queue;
}

EventQueue::~EventQueue() {
  {
    const std::lock_guard lock(mutex());
    engine_->events().unsubscribe(*this);
  }
  detach();
}

void EventQueue::offer(const Event& event) {
  if (over() || !labelsMatch(filter_.labels, event.labels)) return;
  if (items_.size() >= kLimit) return offerGap(event.at);
  items_.push_back(event);
  notify();
}

void EventQueue::offerGap(WallTime at) {
  if (over() || (!items_.empty() && items_.back().type == EventType::kGap)) return;
  items_.push_back({.type = EventType::kGap, .raw_type = "gap", .at = at});
  notify();
}

}  // namespace control::mock

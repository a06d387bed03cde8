#include "mock/mock_event_queue.h"

#include <utility>

#include "mock/mock_spec.h"

namespace control::mock {

std::unique_ptr<EventQueue> EventQueue::open(const std::shared_ptr<Engine>& engine,
                                             EventFilter filter) {
  std::unique_ptr<EventQueue> queue(new EventQueue(engine, std::move(filter)));
  queue->attach();
  engine->subscribe(*queue);
  return queue;
}

EventQueue::~EventQueue() {
  {
    const std::lock_guard lock(mutex());
    engine_->unsubscribe(*this);
  }
  detach();
}

void EventQueue::offer(const Event& event) {
  if (over() || !labelsMatch(filter_.labels, event.labels)) return;
  if (items_.size() >= kLimit) {
    if (items_.back().type != EventType::kGap)
      items_.push_back({.type = EventType::kGap, .raw_type = "gap", .at = event.at});
  } else {
    items_.push_back(event);
  }
  notify();
}

}  // namespace control::mock

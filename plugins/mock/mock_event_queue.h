#pragma once

#include <memory>

#include "mock/mock_engine.h"
#include "mock/mock_stream.h"

namespace control::mock {

/// A subscriber's events. One that reads too slowly finds a gap where events were dropped.
class EventQueue final : public QueueStream<EventStream, Event> {
 public:
  static constexpr std::size_t kLimit = 1024;

  /// With the mutex held, as all of open() here.
  static std::unique_ptr<EventQueue> open(const std::shared_ptr<Engine>& engine,
                                          EventFilter filter);
  ~EventQueue() override;

  /// With the mutex held.
  void offer(const Event& event);

 private:
  EventQueue(std::shared_ptr<Engine> engine, EventFilter filter)
      : QueueStream(std::move(engine), nullptr), filter_(std::move(filter)) {}

  const EventFilter filter_;
};

}  // namespace control::mock

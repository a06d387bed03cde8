#pragma once

#include <memory>
#include <utility>

#include "mock/mock_engine.h"
#include "mock/mock_stream.h"

namespace control::mock {

/// A subscriber's events. One that reads too slowly finds a gap where events were dropped.
class EventQueue final : public QueueStream<EventStream, Event> {
 public:
  static constexpr std::size_t kLimit = 1024;

  /// With the mutex held, as all of open(), offer() and offerGap().
  static std::unique_ptr<EventQueue> open(const std::shared_ptr<Engine>& engine, EventFilter filter,
                                          StreamFault fault);
  ~EventQueue() override;

  void offer(const Event& event);
  /// Something was lost here.
  void offerGap(WallTime at);

 private:
  EventQueue(std::shared_ptr<Engine> engine, EventFilter filter, StreamFault fault)
      : QueueStream(std::move(engine), nullptr, std::move(fault)), filter_(std::move(filter)) {}

  const EventFilter filter_;
};

}  // namespace control::mock

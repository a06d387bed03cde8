#pragma once

#include <libcontrol/streams.h>

#include "launch.h"
#include "waiting.h"

namespace process_engine {

/// A stream over something that grows in a folder; `Base` is one of the library's streams.
template <class Base, class Item>
class Followed : public Base {
 public:
  control::Result<std::optional<Item>> next(const control::CallContext& context) override {
    return bell_.waitFor<std::optional<Item>>(context, *engine_.clock, [this] { return take(); });
  }
  int pollFd() const noexcept override { return bell_.fd(); }
  void cancel() noexcept override { bell_.cancel(); }

  control::Result<void> listen(int file) { return bell_.listen(file); }

 protected:
  explicit Followed(const Engine& engine) : engine_(engine), bell_(*engine.monitor) {}

  /// Nothing for now, an item, or the end.
  virtual std::optional<control::Result<std::optional<Item>>> take() = 0;

  const Engine& engine_;

 private:
  Bell bell_;
};

}  // namespace process_engine

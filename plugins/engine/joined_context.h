#pragma once

#include <stop_token>

#include <libcontrol/call.h>

namespace control::engine {

/// A context that also ends when something else is cancelled.
class JoinedContext {
 public:
  JoinedContext(const CallContext& context, const std::stop_token& other)
      : first_(context.cancellation, Stop{&source_}),
        second_(other, Stop{&source_}),
        context_{.deadline = context.deadline, .cancellation = source_.get_token()} {}

  const CallContext& operator*() const noexcept { return context_; }

 private:
  struct Stop {
    std::stop_source* source;
    void operator()() const noexcept { source->request_stop(); }
  };
  std::stop_source source_{};
  std::stop_callback<Stop> first_;
  std::stop_callback<Stop> second_;
  const CallContext context_;
};

}  // namespace control::engine

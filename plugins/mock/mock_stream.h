#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include <libcontrol/streams.h>

#include "mock/mock_error.h"
#include "mock/mock_wait.h"

namespace control::mock {

/// A stream whose items are put in by the engine: first the items, then the end or the failure.
template <class Base, class Item>
class QueueStream : public Base, protected WaitPoint {
 public:
  Result<std::optional<Item>> next(const CallContext& context) override {
    const Wake wake(*this, context.cancellation);
    std::unique_lock lock(mutex());
    if (auto waited = await(lock, context); !waited) return waited.error();
    if (!items_.empty()) return std::optional(takeFirst());
    if (failure_) return *failure_;
    return std::optional<Item>();
  }

  int pollFd() const noexcept override { return descriptor(); }
  void cancel() noexcept override { cancelWaiting(); }

 protected:
  using WaitPoint::WaitPoint;

  bool ready() const override { return !items_.empty() || ended_ || failure_; }
  bool over() const { return ended_ || failure_; }
  virtual Item takeFirst() {
    Item item = std::move(items_.front());
    items_.pop_front();
    return item;
  }
  void onLost() override {
    if (!over()) failure_ = connectionLost();
  }

  std::deque<Item> items_;
  bool ended_ = false;
  std::optional<Error> failure_;
};

/// Output in a bounded buffer; `Base` is LogStream, Console or ExecSession.
template <class Base>
class OutputStream : public QueueStream<Base, Output> {
 protected:
  using QueueStream<Base, Output>::QueueStream;
  static constexpr std::size_t kLimit = 1 << 20;

  void put(OutputSource source, std::string bytes, std::optional<WallTime> at) {
    if (this->over()) return;
    if (held_ + bytes.size() > kLimit && !this->items_.empty()) {
      if (this->items_.back().source != OutputSource::kGap)
        this->items_.push_back({.source = OutputSource::kGap});
      return;
    }
    held_ += bytes.size();
    this->items_.push_back({.source = source, .bytes = std::move(bytes), .at = at});
  }
  Output takeFirst() override {
    Output output = QueueStream<Base, Output>::takeFirst();
    held_ -= output.bytes.size();
    return output;
  }

 private:
  std::size_t held_ = 0;
};

}  // namespace control::mock

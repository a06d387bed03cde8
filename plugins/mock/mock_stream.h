#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <libcontrol/streams.h>
#include <libcontrol/testing/mock_control.h>

#include "mock/mock_error.h"
#include "mock/mock_wait.h"

namespace control::mock {

/// What is to go wrong with a stream, and when.
struct StreamFault {
  std::optional<testing::StreamPoint> after{};
  Error failure = connectionLost();
  bool stalls = false;  ///< in place of failing

  /// Nothing more is to come: `items` and `bytes` have been read.
  bool due(std::uint64_t items, std::uint64_t bytes) const {
    return after && (after->items ? items >= *after->items : bytes >= *after->bytes);
  }
};

inline std::size_t bytesOf(const Output& output) { return output.bytes.size(); }
template <class Item>
std::size_t bytesOf(const Item&) {
  return 0;
}

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
    end_told_ = true;
    return std::optional<Item>();
  }

  int pollFd() const noexcept override { return descriptor(); }
  void cancel() noexcept override { cancelWaiting(); }

 protected:
  QueueStream(std::shared_ptr<Engine> engine, std::shared_ptr<Container> container,
              StreamFault fault)
      : WaitPoint(std::move(engine), std::move(container)), fault_(std::move(fault)) {
    applyFault();
  }

  bool ready() const override { return failure_ || (!stalled_ && (!items_.empty() || ended_)); }
  bool over() const { return ended_ || failure_; }
  bool stalled() const noexcept { return stalled_; }
  /// next() returned nullopt.
  bool endTold() const noexcept { return end_told_; }
  void onLost() override {
    if (!over()) failure_ = connectionLost();
  }

  std::deque<Item> items_;
  bool ended_ = false;
  std::optional<Error> failure_;

 private:
  Item takeFirst() {
    Item item = std::move(items_.front());
    items_.pop_front();
    cutBytes(item);
    ++items_read_;
    bytes_read_ += bytesOf(item);
    taken(item);
    applyFault();
    return item;
  }
  virtual void taken(const Item&) {}

  /// The last item before a fault may be a part of one.
  void cutBytes(Item& item) {
    if constexpr (std::is_same_v<Item, Output>) {
      if (fault_.after && fault_.after->bytes)
        item.bytes.resize(
            std::min<std::size_t>(item.bytes.size(), *fault_.after->bytes - bytes_read_));
    }
  }

  void applyFault() {
    if (!fault_.due(items_read_, bytes_read_)) return;
    if (fault_.stalls) {
      stalled_ = true;
    } else {
      items_.clear();
      failure_ = fault_.failure;
    }
  }

  const StreamFault fault_;
  std::uint64_t items_read_ = 0;
  std::uint64_t bytes_read_ = 0;
  bool stalled_ = false;
  bool end_told_ = false;
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

 private:
  void taken(const Output& output) override { held_ -= output.bytes.size(); }

  std::size_t held_ = 0;
};

}  // namespace control::mock

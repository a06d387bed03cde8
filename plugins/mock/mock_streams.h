#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include <libcontrol/streams.h>

#include "mock/mock_engine.h"
#include "mock/mock_wait.h"

namespace control::mock {

inline Error connectionLost() {
  return {.code = ErrorCode::kUnavailable, .message = "the connection to the mock engine was lost"};
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

/// A subscriber's events. One that reads too slowly finds a gap where events were dropped.
class EventQueue final : public QueueStream<EventStream, Event> {
 public:
  static constexpr std::size_t kLimit = 1024;

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

class ContainerLog final : public OutputStream<LogStream> {
 public:
  static std::unique_ptr<LogStream> open(const std::shared_ptr<Engine>& engine,
                                         const ContainerPtr& container, const LogOptions& options);
  ~ContainerLog() override { detach(); }

  void onOutput(OutputSource source, const std::string& bytes, WallTime at) override;
  void onRunEnded(const ExitStatus&) override { ended_ = true; }
  void onRemoved() override { ended_ = true; }

 private:
  ContainerLog(std::shared_ptr<Engine> engine, ContainerPtr container, LogOptions options)
      : OutputStream(std::move(engine), std::move(container)), options_(options) {}
  bool wanted(OutputSource source, WallTime at) const;
  void putHistory();

  const LogOptions options_;
};

/// The streams of process 1.
class AttachedConsole final : public OutputStream<Console> {
 public:
  static Result<std::unique_ptr<Console>> open(const std::shared_ptr<Engine>& engine,
                                               const ContainerPtr& container,
                                               const AttachOptions& options);
  ~AttachedConsole() override { detach(); }

  Result<void> write(std::string_view bytes, const CallContext& context) override;
  Result<void> closeInput(const CallContext& context) override;
  void onOutput(OutputSource source, const std::string& bytes, WallTime at) override;
  void onRunEnded(const ExitStatus&) override { ended_ = true; }
  void onRemoved() override { ended_ = true; }

 private:
  AttachedConsole(std::shared_ptr<Engine> engine, ContainerPtr container, AttachOptions options)
      : OutputStream(std::move(engine), std::move(container)), options_(options) {}
  Result<void> checkInput(const CallContext& context) const;

  const AttachOptions options_;
  bool input_ended_ = false;
};

/// A process beside process 1.
class ExecProcess final : public OutputStream<ExecSession>, private Process::Host {
 public:
  static Result<std::unique_ptr<ExecSession>> open(const std::shared_ptr<Engine>& engine,
                                                   const ContainerPtr& container,
                                                   const ExecSpec& spec);
  ~ExecProcess() override;

  Result<void> write(std::string_view bytes, const CallContext& context) override;
  Result<void> closeInput(const CallContext& context) override;
  Result<int> exitCode(const CallContext& context) override;
  Result<void> resize(int columns, int rows, const CallContext& context) override;
  void onRunEnded(const ExitStatus&) override;

 private:
  ExecProcess(std::shared_ptr<Engine> engine, ContainerPtr container, const ExecSpec& spec,
              const Program& program);
  Result<void> checkInput(const CallContext& context) const;

  TimePoint now() const override;
  void print(OutputSource source, std::string_view bytes) override;
  void setTimer(Process::Timer timer, TimePoint at) override;
  void clearTimer(Process::Timer timer) override;
  void ended(const ProcessEnd& end) override;

  const bool tty_;
  const bool takes_input_;
  const bool missing_;
  Process process_;
  std::array<Timers::Id, Process::kTimers> timers_{};
  std::optional<int> exit_code_;
};

/// A pull makes its image visible when its end is read.
class ImagePull final : public QueueStream<PullStream, PullProgress> {
 public:
  static std::unique_ptr<PullStream> open(const std::shared_ptr<Engine>& engine,
                                          const std::string& reference, const PullOptions& options);
  ~ImagePull() override { detach(); }

  Result<std::optional<PullProgress>> next(const CallContext& context) override;

 private:
  ImagePull(std::shared_ptr<Engine> engine, std::string reference)
      : QueueStream(std::move(engine), nullptr), reference_(std::move(reference)) {}

  const std::string reference_;
};

class RunWatch final : public ExitWatch, private WaitPoint {
 public:
  static Result<std::unique_ptr<ExitWatch>> open(const std::shared_ptr<Engine>& engine,
                                                 const ContainerPtr& container);
  ~RunWatch() override { detach(); }

  Result<ExitStatus> noticed(const CallContext& context) override { return exited(context); }
  Result<ExitStatus> exited(const CallContext& context) override;
  int pollFd() const noexcept override { return descriptor(); }
  void cancel() noexcept override { cancelWaiting(); }

  void onRunEnded(const ExitStatus& exit) override;
  void onRemoved() override { removed_ = true; }
  void onLost() override { lost_ = !exit_; }

 private:
  using WaitPoint::WaitPoint;
  bool ready() const override;

  std::unique_ptr<ExitStatus> exit_;
  bool removed_ = false;
  bool lost_ = false;
};

/// A call on a container that does not answer: it waits until the container does again.
class HungCall final : private WaitPoint {
 public:
  static Result<void> pass(const std::shared_ptr<Engine>& engine, const ContainerId& id,
                           const CallContext& context);
  ~HungCall() override { detach(); }

  void onRemoved() override { released_ = true; }
  void onLost() override { lost_ = true; }

 private:
  using WaitPoint::WaitPoint;
  bool ready() const override { return !container_->hung || released_ || lost_; }

  bool released_ = false;
  bool lost_ = false;
};

}  // namespace control::mock

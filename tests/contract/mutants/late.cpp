// Calls that end as they should, and too late.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "contract/mutants/decorator.h"
#include "contract/mutants/mutants.h"

namespace control::conform {
namespace {

/// In real time, whatever the engine's clock: as somebody who looks every now and then whether the
/// time has come.
template <ErrorCode Code, class AnyResult>
AnyResult late(AnyResult answer) {
  if (!answer && answer.error().is(Code)) std::this_thread::sleep_for(std::chrono::seconds(3));
  return answer;
}

template <ErrorCode Code>
struct LateWatch final : WatchDecorator {
  using WatchDecorator::WatchDecorator;
  Result<ExitStatus> noticed(const CallContext& context) override {
    return late<Code>(inner().noticed(context));
  }
  Result<ExitStatus> exited(const CallContext& context) override {
    return late<Code>(inner().exited(context));
  }
};

template <ErrorCode Code, class Base, class Item>
struct LateNext final : Base {
  using Base::Base;
  Result<std::optional<Item>> next(const CallContext& context) override {
    return late<Code>(Base::next(context));
  }
};

template <ErrorCode Code>
class LateWaits final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return wrapped<LateWatch<Code>>(inner().watchExit(id, context));
  }
};

template <ErrorCode Code>
class LateStreams final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<LogStream>> logs(const ContainerId& id, const LogOptions& options,
                                          const CallContext& context) override {
    return wrapped<LateNext<Code, StreamDecorator<Output>, Output>>(
        inner().logs(id, options, context));
  }
  Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                              const CallContext& context) override {
    return wrapped<LateNext<Code, StreamDecorator<Event>, Event>>(inner().events(filter, context));
  }
};

template <ErrorCode Code>
class LateCalls final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<SignalOutcome> signal(const ContainerId& id, Signal signal,
                               const CallContext& context) override {
    return late<Code>(inner().signal(id, signal, context));
  }
};

enum class Call { kCreate, kStart, kSignal, kRemove };

/// Sends its request whatever the context, and looks at that when the answer is there.
template <Call Late>
class LooksLate final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<CreatedContainer> create(const ContainerSpec& spec, const CallContext& context) override {
    return looked<Call::kCreate>(context, [&](auto& c) { return inner().create(spec, c); });
  }
  Result<StartOutcome> start(const ContainerId& id, const CallContext& context) override {
    return looked<Call::kStart>(context, [&](auto& c) { return inner().start(id, c); });
  }
  Result<SignalOutcome> signal(const ContainerId& id, Signal signal,
                               const CallContext& context) override {
    return looked<Call::kSignal>(context, [&](auto& c) { return inner().signal(id, signal, c); });
  }
  Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options,
                               const CallContext& context) override {
    return looked<Call::kRemove>(context, [&](auto& c) { return inner().remove(id, options, c); });
  }

 private:
  template <Call This, class Ask>
  auto looked(const CallContext& context, Ask ask) -> decltype(ask(context)) {
    if (This != Late) return ask(context);
    const CallContext patient;
    auto answer = ask(patient);
    if (context.cancellation.stop_requested()) return Error{.code = ErrorCode::kCancelled};
    if (clock().now() >= context.deadline) return Error{.code = ErrorCode::kDeadlineExceeded};
    return answer;
  }
};

/// Compares its deadlines with a clock of its own.
class OtherClock final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<RuntimeInfo> info(const CallContext& context) override {
    if (std::chrono::steady_clock::now() >= context.deadline)
      return Error{.code = ErrorCode::kDeadlineExceeded};
    return Decorator::info(context);
  }
};

/// Of a process that reads nothing, with no room for a byte on the way.
template <ErrorCode Code>
class LateWrite final : public ConsoleDecorator<Console> {
 public:
  LateWrite(std::unique_ptr<Console> inner, Clock& clock)
      : ConsoleDecorator(std::move(inner)), clock_(clock) {}
  Result<void> write(std::string_view, const CallContext& context) override {
    return late<Code>(wait(context));
  }

 private:
  Result<void> wait(const CallContext& context) {
    std::mutex mutex;
    std::condition_variable wake;
    const std::stop_callback cancelled(context.cancellation, [&] {
      const std::lock_guard lock(mutex);
      wake.notify_all();
    });
    std::unique_lock lock(mutex);
    for (;;) {
      if (context.cancellation.stop_requested()) return Error{.code = ErrorCode::kCancelled};
      if (clock_.now() >= context.deadline) return Error{.code = ErrorCode::kDeadlineExceeded};
      clock_.waitUntil(lock, wake, context.deadline);
    }
  }

  Clock& clock_;
};

template <ErrorCode Code>
class LateWrites final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<Console>> attach(const ContainerId& id, const AttachOptions& options,
                                          const CallContext& context) override {
    auto console = inner().attach(id, options, context);
    if (!console) return console;
    return std::unique_ptr<Console>(
        std::make_unique<LateWrite<Code>>(std::move(*console), clock()));
  }
};

}  // namespace

void addLateMutants(std::map<std::string_view, MakeMutant>& all) {
  using enum ErrorCode;
  all["waits_end_late"] = makes<LateWaits<kDeadlineExceeded>>();
  all["waits_are_cancelled_late"] = makes<LateWaits<kCancelled>>();
  all["streams_end_late"] = makes<LateStreams<kDeadlineExceeded>>();
  all["streams_are_cancelled_late"] = makes<LateStreams<kCancelled>>();
  all["calls_end_late"] = makes<LateCalls<kDeadlineExceeded>>();
  all["calls_are_cancelled_late"] = makes<LateCalls<kCancelled>>();
  all["create_looks_late"] = makes<LooksLate<Call::kCreate>>();
  all["start_looks_late"] = makes<LooksLate<Call::kStart>>();
  all["signal_looks_late"] = makes<LooksLate<Call::kSignal>>();
  all["remove_looks_late"] = makes<LooksLate<Call::kRemove>>();
  all["deadlines_on_another_clock"] = makes<OtherClock>();
  all["writes_end_late"] = makes<LateWrites<kDeadlineExceeded>>();
  all["writes_are_cancelled_late"] = makes<LateWrites<kCancelled>>();
}

}  // namespace control::conform

// Bugs of streams and statistics.

#include <fcntl.h>
#include <unistd.h>

#include "contract/mutants/decorator.h"
#include "contract/mutants/mutants.h"

namespace control::conform {
namespace {

/// Tells how a command ended before its output was read, and what it printed is lost.
class EarlyExec final : public ExecDecorator {
 public:
  using ExecDecorator::ExecDecorator;
  Result<int> exitCode(const CallContext& context) override {
    for (;;) {
      const auto lost = inner().next(context);
      if (!lost || !*lost) break;
    }
    return inner().exitCode(context);
  }
};

class ExecExitBeforeDrain final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExecSession>> exec(const ContainerId& id, const ExecSpec& spec,
                                            const CallContext& context) override {
    return wrapped<EarlyExec>(inner().exec(id, spec, context));
  }
};

struct ResizableExec final : ExecDecorator {
  using ExecDecorator::ExecDecorator;
  Result<void> resize(int, int, const CallContext&) override { return {}; }
};

struct WritableExec final : ExecDecorator {
  using ExecDecorator::ExecDecorator;
  Result<void> write(std::string_view, const CallContext&) override { return {}; }
};

/// Says yes where there is nothing to do it to.
template <class Session>
class ExecMutant final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExecSession>> exec(const ContainerId& id, const ExecSpec& spec,
                                            const CallContext& context) override {
    return wrapped<Session>(inner().exec(id, spec, context));
  }
};

class AttachTakesNoStream final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<Console>> attach(const ContainerId& id, const AttachOptions& options,
                                          const CallContext& context) override {
    AttachOptions some = options;
    if (!some.standard_input && !some.standard_error) some.standard_output = true;
    return inner().attach(id, some, context);
  }
};

/// Subscribes when somebody reads.
class LazyEvents final : public EventStream {
 public:
  LazyEvents(ContainerRuntime& runtime, EventFilter filter, std::unique_ptr<EventStream> idle)
      : runtime_(runtime), filter_(std::move(filter)), events_(std::move(idle)) {}

  Result<std::optional<Event>> next(const CallContext& context) override {
    if (!subscribed_) {
      auto opened = runtime_.events(filter_, context);
      if (!opened) return opened.error();
      events_ = std::move(*opened);
      subscribed_ = true;
    }
    return events_->next(context);
  }
  int pollFd() const noexcept override { return events_->pollFd(); }
  void cancel() noexcept override { events_->cancel(); }

 private:
  ContainerRuntime& runtime_;
  const EventFilter filter_;
  std::unique_ptr<EventStream> events_;
  bool subscribed_ = false;
};

class EventsAfterReturn final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                              const CallContext& context) override {
    auto idle = inner().events({.labels = {{"nobody has this label", "x"}}}, context);
    if (!idle) return idle;
    return std::unique_ptr<EventStream>(
        std::make_unique<LazyEvents>(inner(), filter, std::move(*idle)));
  }
};

class GaplessEvents final : public StreamDecorator<Event> {
 public:
  using StreamDecorator::StreamDecorator;
  Result<std::optional<Event>> next(const CallContext& context) override {
    for (;;) {
      auto event = inner().next(context);
      if (!event || !*event || (*event)->type != EventType::kGap) return event;
    }
  }
};

struct EventsWithoutWords final : StreamDecorator<Event> {
  using StreamDecorator::StreamDecorator;
  Result<std::optional<Event>> next(const CallContext& context) override {
    auto event = inner().next(context);
    if (event && *event && (*event)->type != EventType::kUnknown) (*event)->raw_type.clear();
    return event;
  }
};

class EventsForgetTheWord final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                              const CallContext& context) override {
    return wrapped<EventsWithoutWords>(inner().events(filter, context));
  }
};

class EventsSilentDrop final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                              const CallContext& context) override {
    return wrapped<GaplessEvents>(inner().events(filter, context));
  }
};

/// Takes a label without a value for one whose value is empty.
class EventsTakeKeysForEmptyValues final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                              const CallContext& context) override {
    EventFilter changed = filter;
    for (auto& [key, value] : changed.labels)
      if (value.empty()) value = "no container has that value";
    return inner().events(changed, context);
  }
};

/// Gives a descriptor, and forgets it.
template <class Base>
class Unreadable final : public Base {
 public:
  using Base::Base;
  int pollFd() const noexcept override { return nothing_.fd(); }

 private:
  /// The reading end of a pipe that nobody writes to.
  class Nothing {
   public:
    Nothing() { valid_ = ::pipe2(ends_, O_CLOEXEC) == 0; }
    ~Nothing() {
      for (const int end : ends_)
        if (valid_) ::close(end);
    }
    Nothing(const Nothing&) = delete;
    Nothing& operator=(const Nothing&) = delete;
    int fd() const noexcept { return ends_[0]; }

   private:
    int ends_[2] = {-1, -1};
    bool valid_ = false;
  };
  const Nothing nothing_;
};

class PollNeverReadable final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return wrapped<Unreadable<WatchDecorator>>(inner().watchExit(id, context));
  }
  Result<std::unique_ptr<LogStream>> logs(const ContainerId& id, const LogOptions& options,
                                          const CallContext& context) override {
    return wrapped<Unreadable<StreamDecorator<Output>>>(inner().logs(id, options, context));
  }
  Result<std::unique_ptr<Console>> attach(const ContainerId& id, const AttachOptions& options,
                                          const CallContext& context) override {
    return wrapped<Unreadable<ConsoleDecorator<Console>>>(inner().attach(id, options, context));
  }
  Result<std::unique_ptr<ExecSession>> exec(const ContainerId& id, const ExecSpec& spec,
                                            const CallContext& context) override {
    return wrapped<Unreadable<ExecDecorator>>(inner().exec(id, spec, context));
  }
  Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                              const CallContext& context) override {
    return wrapped<Unreadable<StreamDecorator<Event>>>(inner().events(filter, context));
  }
};

class StatsZeroWhenStopped final : public Decorator {
 public:
  using Decorator::Decorator;
  std::vector<Result<StatsSample>> stats(std::span<const ContainerId> ids,
                                         const CallContext& context) override {
    auto answers = inner().stats(ids, context);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i] || answers[i].error().code != ErrorCode::kWrongState) continue;
      answers[i] = StatsSample{.run = {.container = ids[i]},
                               .taken_at = clock().now(),
                               .cpu_time = Duration::zero(),
                               .memory_usage_bytes = 0,
                               .memory_working_set_bytes = 0};
    }
    return answers;
  }
};

/// Counts what was used since the sample before.
class StatsResetWithinRun final : public Decorator {
 public:
  using Decorator::Decorator;
  std::vector<Result<StatsSample>> stats(std::span<const ContainerId> ids,
                                         const CallContext& context) override {
    auto answers = inner().stats(ids, context);
    for (auto& answer : answers)
      if (answer && ++samples_ % 3 == 0) answer->cpu_time = Duration::zero();
    return answers;
  }

 private:
  int samples_ = 0;
};

class HappyPull final : public StreamDecorator<PullProgress> {
 public:
  using StreamDecorator::StreamDecorator;
  Result<std::optional<PullProgress>> next(const CallContext& context) override {
    auto step = inner().next(context);
    if (step || step.error().code == ErrorCode::kCancelled ||
        step.error().code == ErrorCode::kDeadlineExceeded)
      return step;
    return std::optional<PullProgress>();
  }
};

class PullSwallowsInBandError final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<PullStream>> pull(const std::string& reference, const PullOptions& options,
                                           const CallContext& context) override {
    return wrapped<HappyPull>(inner().pull(reference, options, context));
  }
};

}  // namespace

void addStreamMutants(std::map<std::string_view, MakeMutant>& all) {
  all.emplace("exec_exit_before_drain", makes<ExecExitBeforeDrain>());
  all.emplace("exec_resizes_nothing", makes<ExecMutant<ResizableExec>>());
  all.emplace("exec_writes_to_nothing", makes<ExecMutant<WritableExec>>());
  all.emplace("attach_takes_no_stream", makes<AttachTakesNoStream>());
  all.emplace("events_after_return", makes<EventsAfterReturn>());
  all.emplace("events_forget_the_word", makes<EventsForgetTheWord>());
  all.emplace("events_silent_drop", makes<EventsSilentDrop>());
  all.emplace("events_take_keys_for_empty_values", makes<EventsTakeKeysForEmptyValues>());
  all.emplace("poll_never_readable", makes<PollNeverReadable>());
  all.emplace("stats_zero_when_stopped", makes<StatsZeroWhenStopped>());
  all.emplace("stats_reset_within_run", makes<StatsResetWithinRun>());
  all.emplace("pull_swallows_in_band_error", makes<PullSwallowsInBandError>());
}

}  // namespace control::conform

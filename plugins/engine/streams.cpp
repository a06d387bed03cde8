#include "engine/streams.h"

#include <cerrno>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "engine/descriptor.h"
#include "engine/framing.h"
#include "engine/output.h"
#include "engine/wakeup.h"

namespace control::engine {
namespace {

// ---- events ----

/// An engine whose event reader stalls loses events without a word and waits 100 ms for each one
/// in the middle of its work. So a thread of our own reads at once, and what the caller is too
/// slow to take is dropped here, with a gap in its place.
class EngineEvents final : public EventStream {
 public:
  static constexpr std::size_t kMaxQueued = 8192;

  EngineEvents(std::unique_ptr<HttpStream> http, EventParser parse, std::shared_ptr<Clock> clock)
      : http_(std::move(http)),
        parse_(std::move(parse)),
        clock_(std::move(clock)),
        reader_([this] { readAll(); }) {}

  ~EngineEvents() override {
    cancel();
    reader_.join();
  }

  Result<std::optional<Event>> next(const CallContext& context) override {
    const std::stop_callback wake(context.cancellation, [this] {
      const std::lock_guard lock(mutex_);
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    for (;;) {
      if (ready_.cancelled()) return cancelledError();
      if (!queue_.empty()) return takeFirst();
      if (problem_) return *problem_;
      ready_.clear();
      if (context.cancellation.stop_requested()) return cancelledError();
      if (context.deadline != TimePoint::max() && clock_->now() >= context.deadline)
        return deadlineError();
      clock_->waitUntil(lock, changed_, context.deadline);
    }
  }

  int pollFd() const noexcept override { return ready_.fd(); }

  void cancel() noexcept override {
    ready_.cancel();
    http_->cancel();
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  bool valid() const noexcept { return ready_.valid(); }

 private:
  Result<std::optional<Event>> takeFirst() {
    Event event = std::move(queue_.front());
    queue_.pop_front();
    return std::optional<Event>(std::move(event));
  }

  void readAll() noexcept {
    LineSplitter lines;
    for (;;) {
      std::string bytes;
      const auto more = http_->read(bytes, {});
      if (!more) return fail(more.error());
      lines.feed(bytes);
      for (;;) {
        auto line = lines.next();
        if (!line) return fail(line.error());
        if (!*line) break;
        auto event = parse_(std::move(**line));
        if (!event) return fail(event.error());
        if (*event) push(std::move(**event));
      }
      if (!*more)
        return fail({.code = ErrorCode::kUnavailable,
                     .message = "the engine ended the event stream; subscribe again and list"});
    }
  }

  void push(Event event) {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kMaxQueued) {
      if (queue_.back().type != EventType::kGap)
        queue_.push_back(Event{.type = EventType::kGap, .raw_type = "gap"});
      return;
    }
    queue_.push_back(std::move(event));
    ready_.signal();
    changed_.notify_all();
  }

  void fail(Error error) {
    const std::lock_guard lock(mutex_);
    problem_ = std::move(error);
    ready_.signal();
    changed_.notify_all();
  }

  const std::unique_ptr<HttpStream> http_;
  const EventParser parse_;
  const std::shared_ptr<Clock> clock_;
  Wakeup ready_{};
  std::condition_variable changed_{};
  std::mutex mutex_{};
  std::deque<Event> queue_{};       ///< guarded by mutex_
  std::optional<Error> problem_{};  ///< guarded by mutex_
  std::thread reader_;              ///< the last member: it uses all others
};

// ---- pull ----

Error saidNothing(Duration idle_timeout) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(idle_timeout);
  return {.code = ErrorCode::kUnavailable,
          .message = "the registry sent nothing for " + std::to_string(ms.count()) + " ms"};
}

class EnginePull final : public PullStream {
 public:
  EnginePull(std::unique_ptr<HttpStream> http, const PullDialect& dialect, Duration idle_timeout,
             Clock& clock)
      : http_(std::move(http)),
        dialect_(dialect),
        idle_timeout_(idle_timeout),
        clock_(clock),
        heard_at_(clock.now()) {}

  Result<std::optional<PullProgress>> next(const CallContext& context) override {
    for (bool fed = false;; fed = true) {
      if (http_->cancelled()) return cancelledError();
      if (problem_) return *problem_;
      if (auto step = takeStep(); !step || *step) return step;
      if (problem_) continue;
      if (ended_ && !finished_) return cutShort();
      if (ended_) return std::optional<PullProgress>();
      if (fed)
        if (auto goes_on = http_->check(context); !goes_on) return goes_on.error();
      if (auto got = readMore(context); !got) return got.error();
    }
  }

  int pollFd() const noexcept override { return http_->pollFd(); }
  void cancel() noexcept override { http_->cancel(); }

 private:
  Result<std::optional<PullProgress>> takeStep() {
    auto line = lines_.next();
    if (!line) return keep(std::move(line).error());
    if (!*line) return std::optional<PullProgress>();
    auto step = dialect_.parse(std::move(**line));
    if (!step) return keep(std::move(step).error());
    if (!step->error.empty()) return keep(dialect_.error(step->error));
    finished_ = finished_ || step->finished;
    http_->keepReadable(true);
    return std::optional(std::move(step->progress));
  }

  Result<void> readMore(const CallContext& context) {
    const TimePoint idle_end = CallContext::after(heard_at_, idle_timeout_);
    CallContext capped = context;
    capped.deadline = std::min(context.deadline, idle_end);
    http_->keepReadable(false);
    std::string bytes;
    auto more = http_->read(bytes, capped);
    if (!more) {
      if (more.error().code != ErrorCode::kDeadlineExceeded)
        return more.error().code == ErrorCode::kCancelled ? more.error()
                                                          : keep(std::move(more).error());
      if (clock_.now() < idle_end) return more.error();
      return keep(saidNothing(idle_timeout_));
    }
    heard_at_ = clock_.now();
    lines_.feed(bytes);
    if (*more) return {};
    // The last word may come without the end of its line.
    if (!lines_.rest().empty()) lines_.feed("\n");
    ended_ = true;
    http_->keepReadable(true);
    return {};
  }

  Error cutShort() {
    return keep({.code = ErrorCode::kUnavailable,
                 .message = "the engine ended the pull without saying that it is complete"});
  }

  /// Remembers how the pull failed: it will not get better.
  Error keep(Error error) {
    problem_ = error;
    http_->keepReadable(true);
    return error;
  }

  const std::unique_ptr<HttpStream> http_;
  const PullDialect dialect_;
  const Duration idle_timeout_;
  Clock& clock_;
  TimePoint heard_at_;
  LineSplitter lines_{};
  std::optional<Error> problem_{};
  bool finished_ = false;
  bool ended_ = false;
};

// ---- logs ----

class EngineLogs final : public LogStream {
 public:
  EngineLogs(std::unique_ptr<HttpStream> http, const OutputForm& form)
      : output_(std::move(http), form) {}

  Result<std::optional<Output>> next(const CallContext& context) override {
    return output_.next(context);
  }
  int pollFd() const noexcept override { return output_.http().pollFd(); }
  void cancel() noexcept override { output_.http().cancel(); }

 private:
  OutputReader output_;
};

}  // namespace

Result<std::unique_ptr<EventStream>> makeEventStream(std::unique_ptr<HttpStream> http,
                                                     EventParser parse,
                                                     std::shared_ptr<Clock> clock) {
  try {
    auto stream =
        std::make_unique<EngineEvents>(std::move(http), std::move(parse), std::move(clock));
    if (!stream->valid()) return systemError(EMFILE, "cannot open an event stream");
    return std::unique_ptr<EventStream>(std::move(stream));
  } catch (const std::system_error& error) {
    return systemError(error.code().value(), "cannot start a thread for events");
  }
}

Result<std::unique_ptr<PullStream>> openPull(const PullOpener& open, const PullDialect& dialect,
                                             Duration idle_timeout, const CallContext& context,
                                             Clock& clock) {
  const CallContext capped = context.capped(idle_timeout, clock);
  auto http = open(capped);
  if (!http && http.error().is(ErrorCode::kDeadlineExceeded) && capped.deadline < context.deadline)
    return saidNothing(idle_timeout);
  if (!http) return http.error();
  return std::unique_ptr<PullStream>(
      std::make_unique<EnginePull>(*std::move(http), dialect, idle_timeout, clock));
}

std::unique_ptr<LogStream> makeLogStream(std::unique_ptr<HttpStream> http, const OutputForm& form) {
  return std::make_unique<EngineLogs>(std::move(http), form);
}

}  // namespace control::engine

#include "streams.h"

#include <fcntl.h>

#include "engine/events.h"
#include "engine/layout.h"
#include "engine/runs.h"
#include "followed.h"

namespace process_engine {

using namespace control;

int presentOrNext(int container) {
  const Runs runs = readRuns(container);
  return runs.running() ? runs.lastNumber() : runs.lastNumber() + 1;
}

bool carries(const std::map<std::string, std::string>& labels,
             const std::map<std::string, std::string>& wanted) {
  for (const auto& [key, value] : wanted) {
    const auto found = labels.find(key);
    if (found == labels.end() || (!value.empty() && found->second != value)) return false;
  }
  return true;
}

WallTime toWallTime(std::int64_t nanoseconds) { return WallTime(Duration(nanoseconds)); }

ExitStatus toExitStatus(const ContainerId& id, const Run& run) {
  ExitStatus exit{.run = {.container = id, .started_at = toWallTime(run.started_at)},
                  .exit_code = run.exit_code};
  if (run.signal) exit.signal = Signal{*run.signal};
  if (run.finished_at) exit.finished_at = toWallTime(*run.finished_at);
  return exit;
}

namespace {

// ---- Exits ----

class RunWatch final : public ExitWatch {
 public:
  RunWatch(const Engine& engine, Container container)
      : clock_(*engine.clock), container_(std::move(container)), bell_(*engine.monitor) {}

  /// Listens first: what happens after the look at the run is heard.
  Result<void> arm() {
    if (auto listening = bell_.listen(container_.folder.get()); !listening) return listening;
    record_.reset(::openat(container_.folder.get(), kRunsFile, O_RDONLY | O_CLOEXEC));
    run_ = presentOrNext(container_.folder.get());
    return {};
  }

  Result<ExitStatus> noticed(const CallContext& context) override { return exited(context); }
  Result<ExitStatus> exited(const CallContext& context) override {
    return bell_.waitFor<ExitStatus>(context, clock_, [this] { return look(); });
  }
  int pollFd() const noexcept override { return bell_.fd(); }
  void cancel() noexcept override { bell_.cancel(); }

 private:
  std::optional<Result<ExitStatus>> look() const {
    Runs runs = readRuns(container_.folder.get());
    const bool removed = runs.gone;
    // The descriptor still tells how it ended.
    if (removed) runs = parseRuns(readAll(record_.get()));
    const Run* const run = runs.find(run_);
    if (run != nullptr && run->over) return toExitStatus({container_.definition.id}, *run);
    if (!removed) return std::nullopt;
    return Error{.code = ErrorCode::kNotFound, .message = "the container was removed"};
  }

  Clock& clock_;
  const Container container_;
  Fd record_{};
  int run_ = 0;
  Bell bell_;
};

// ---- Events ----

EventType toType(const std::string& word) {
  if (word == "created") return EventType::kCreated;
  if (word == "started") return EventType::kStarted;
  if (word == "exited") return EventType::kExited;
  if (word == "removed") return EventType::kRemoved;
  if (word == "gap") return EventType::kGap;
  return EventType::kUnknown;
}

class Journal final : public Followed<EventStream, Event> {
 public:
  Journal(const Engine& engine, int state_directory, EventFilter filter)
      : Followed(engine), reader_(state_directory), filter_(std::move(filter)) {}

  Result<void> listen() {
    if (reader_.file() < 0) return systemError(errno, "cannot read the events");
    return Followed::listen(reader_.file());
  }

 private:
  std::optional<Result<std::optional<Event>>> take() override {
    while (auto record = reader_.next()) {
      const EventType type = toType(record->type);
      if (type != EventType::kGap && !carries(record->labels, filter_.labels)) continue;
      return std::optional(Event{.type = type,
                                 .raw_type = record->type,
                                 .container = {record->id},
                                 .name = record->name,
                                 .labels = std::move(record->labels),
                                 .exit_code = record->exit_code,
                                 .at = toWallTime(record->at)});
    }
    return std::nullopt;
  }

  EventReader reader_;
  const EventFilter filter_;
};

}  // namespace

Result<std::unique_ptr<ExitWatch>> watchRun(const Engine& engine, Container container) {
  auto watch = std::make_unique<RunWatch>(engine, std::move(container));
  if (auto armed = watch->arm(); !armed) return armed.error();
  return std::unique_ptr<ExitWatch>(std::move(watch));
}

Result<std::unique_ptr<EventStream>> readEvents(const Engine& engine, int state_directory,
                                                const EventFilter& filter) {
  auto journal = std::make_unique<Journal>(engine, state_directory, filter);
  if (auto listening = journal->listen(); !listening) return listening.error();
  return std::unique_ptr<EventStream>(std::move(journal));
}

}  // namespace process_engine

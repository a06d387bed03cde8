#include "mock/mock_streams.h"

#include <algorithm>
#include <utility>

namespace control::mock {
namespace {

Error error(ErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message)};
}

Result<void> checkContext(const CallContext& context, const Clock& clock) {
  if (context.cancellation.stop_requested())
    return error(ErrorCode::kCancelled, "the caller cancelled it");
  if (clock.now() >= context.deadline)
    return error(ErrorCode::kDeadlineExceeded, "the deadline passed");
  return {};
}

Error removedMeanwhile() { return error(ErrorCode::kNotFound, "the container was removed"); }

}  // namespace

// ---- Events ----

std::unique_ptr<EventQueue> EventQueue::open(const std::shared_ptr<Engine>& engine,
                                             EventFilter filter) {
  std::unique_ptr<EventQueue> queue(new EventQueue(engine, std::move(filter)));
  const std::lock_guard lock(engine->mutex());
  queue->attach();
  engine->subscribe(*queue);
  return queue;
}

EventQueue::~EventQueue() {
  {
    const std::lock_guard lock(mutex());
    engine_->unsubscribe(*this);
  }
  detach();
}

void EventQueue::offer(const Event& event) {
  if (over() || !labelsMatch(filter_.labels, event.labels)) return;
  if (items_.size() >= kLimit) {
    if (items_.back().type != EventType::kGap)
      items_.push_back({.type = EventType::kGap, .raw_type = "gap", .at = event.at});
  } else {
    items_.push_back(event);
  }
  notify();
}

// ---- Output ----

std::unique_ptr<LogStream> ContainerLog::open(const std::shared_ptr<Engine>& engine,
                                              const ContainerPtr& container,
                                              const LogOptions& options) {
  std::unique_ptr<ContainerLog> stream(new ContainerLog(engine, container, options));
  const std::lock_guard lock(engine->mutex());
  stream->attach();
  stream->putHistory();
  const bool to_come = container->running() || container->state == ContainerState::kCreated;
  if (!options.follow || !to_come || container->removed) stream->ended_ = true;
  return stream;
}

bool ContainerLog::wanted(OutputSource source, WallTime at) const {
  if (source == OutputSource::kStdout && !options_.standard_output) return false;
  if (source == OutputSource::kStderr && !options_.standard_error) return false;
  return (!options_.since || at >= *options_.since) && (!options_.until || at <= *options_.until);
}

void ContainerLog::putHistory() {
  std::vector<const LogLine*> lines;
  for (const LogLine& line : container_->log)
    if (wanted(line.source, line.at)) lines.push_back(&line);
  std::size_t first = 0;
  if (options_.tail_lines) {
    const auto tail = std::max<std::int64_t>(*options_.tail_lines, 0);
    std::int64_t ends = 0;
    first = lines.size();
    while (first > 0) {
      // What follows the last line's end counts as a line.
      const bool begins_another = first == lines.size() || lines[first - 1]->bytes.back() == '\n';
      if (begins_another && ++ends > tail) break;
      --first;
    }
  }
  if (container_->log_cut && !options_.tail_lines && !options_.since)
    items_.push_back({.source = OutputSource::kGap});
  for (std::size_t i = first; i < lines.size(); ++i)
    onOutput(lines[i]->source, lines[i]->bytes, lines[i]->at);
}

void ContainerLog::onOutput(OutputSource source, const std::string& bytes, WallTime at) {
  if (!wanted(source, at)) return;
  put(source, bytes, options_.timestamps ? std::optional(at) : std::nullopt);
}

Result<std::unique_ptr<Console>> AttachedConsole::open(const std::shared_ptr<Engine>& engine,
                                                       const ContainerPtr& container,
                                                       const AttachOptions& options) {
  std::unique_ptr<AttachedConsole> console(new AttachedConsole(engine, container, options));
  const std::lock_guard lock(engine->mutex());
  if (container->removed) return removedMeanwhile();
  if (container->state == ContainerState::kPaused)
    return error(ErrorCode::kWrongState, "the container is paused");
  console->attach();
  return std::unique_ptr<Console>(std::move(console));
}

void AttachedConsole::onOutput(OutputSource source, const std::string& bytes, WallTime) {
  const bool wanted =
      source == OutputSource::kStderr ? options_.standard_error : options_.standard_output;
  if (wanted) put(source, bytes, std::nullopt);
}

Result<void> AttachedConsole::checkInput(const CallContext& context) const {
  if (auto checked = checkContext(context, engine_->clock()); !checked) return checked;
  if (!options_.standard_input)
    return error(ErrorCode::kUnsupported, "it was attached without standard input");
  if (!container_->spec.open_stdin)
    return error(ErrorCode::kUnsupported, "the container was created without open_stdin");
  if (cancelled()) return error(ErrorCode::kCancelled, "it was cancelled");
  if (failure_) return *failure_;
  if (ended_ || input_ended_ || container_->removed)
    return error(ErrorCode::kWrongState, "standard input has ended");
  return {};
}

Result<void> AttachedConsole::write(std::string_view bytes, const CallContext& context) {
  const std::lock_guard lock(mutex());
  if (auto checked = checkInput(context); !checked) return checked;
  engine_->putInput(*container_, bytes);
  return {};
}

Result<void> AttachedConsole::closeInput(const CallContext& context) {
  const std::lock_guard lock(mutex());
  if (auto checked = checkInput(context); !checked) return checked;
  input_ended_ = true;
  engine_->endInput(*container_);
  return {};
}

// ---- Exec ----

ExecProcess::ExecProcess(std::shared_ptr<Engine> engine, ContainerPtr container,
                         const ExecSpec& spec, const Program& program)
    : OutputStream(std::move(engine), std::move(container)),
      tty_(spec.tty),
      takes_input_(spec.standard_input),
      missing_(program.kind != Program::Kind::kUnderstood),
      process_(program, Behaviour{}, {.first = false, .input_open = spec.standard_input}, *this) {}

Result<std::unique_ptr<ExecSession>> ExecProcess::open(const std::shared_ptr<Engine>& engine,
                                                       const ContainerPtr& container,
                                                       const ExecSpec& spec) {
  if (spec.command.empty()) return error(ErrorCode::kInvalidArgument, "there is no command to run");
  const Program program = parseCommand(spec.command);
  if (program.kind == Program::Kind::kOpaque)
    return error(ErrorCode::kUnsupported,
                 "the mock engine does not understand this command: use sh -c with echo, sleep, "
                 "cat, trap, wait, exit and loops without conditions");
  std::unique_ptr<ExecProcess> session(new ExecProcess(engine, container, spec, program));
  const std::lock_guard lock(engine->mutex());
  if (container->removed) return removedMeanwhile();
  if (container->state != ContainerState::kRunning)
    return error(ErrorCode::kWrongState,
                 "the container does not run: it is " + std::string(toString(container->state)));
  session->attach();
  if (session->missing_)
    session->ended_ = true;
  else
    session->process_.start();
  return std::unique_ptr<ExecSession>(std::move(session));
}

ExecProcess::~ExecProcess() {
  {
    const std::lock_guard lock(mutex());
    for (const Timers::Id id : timers_) engine_->timers().cancel(id);
  }
  detach();
}

TimePoint ExecProcess::now() const { return engine_->clock().now(); }

void ExecProcess::print(OutputSource source, std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (tty_ && c == '\n') text += '\r';
    text += c;
  }
  put(tty_ ? OutputSource::kConsole : source, std::move(text), std::nullopt);
  notify();
}

void ExecProcess::setTimer(Process::Timer timer, TimePoint at) {
  clearTimer(timer);
  timers_[static_cast<std::size_t>(timer)] =
      engine_->timers().at(at, [this, timer] { process_.timer(timer); });
}

void ExecProcess::clearTimer(Process::Timer timer) {
  engine_->timers().cancel(std::exchange(timers_[static_cast<std::size_t>(timer)], 0));
}

void ExecProcess::ended(const ProcessEnd& end) {
  exit_code_ = end.exit_code;
  ended_ = true;
  notify();
}

void ExecProcess::onRunEnded(const ExitStatus&) {
  process_.end({.exit_code = 137, .signal = Signal::kill()});
}

Result<void> ExecProcess::checkInput(const CallContext& context) const {
  if (auto checked = checkContext(context, engine_->clock()); !checked) return checked;
  if (!takes_input_)
    return error(ErrorCode::kUnsupported, "the command was run without standard input");
  if (cancelled()) return error(ErrorCode::kCancelled, "it was cancelled");
  if (failure_) return *failure_;
  if (ended_) return error(ErrorCode::kWrongState, "the command has ended");
  return {};
}

Result<void> ExecProcess::write(std::string_view bytes, const CallContext& context) {
  const std::lock_guard lock(mutex());
  if (auto checked = checkInput(context); !checked) return checked;
  if (tty_) print(OutputSource::kConsole, bytes);
  process_.input(bytes);
  return {};
}

Result<void> ExecProcess::closeInput(const CallContext& context) {
  const std::lock_guard lock(mutex());
  if (auto checked = checkInput(context); !checked) return checked;
  process_.closeInput();
  return {};
}

Result<int> ExecProcess::exitCode(const CallContext& context) {
  const std::lock_guard lock(mutex());
  if (cancelled()) return error(ErrorCode::kCancelled, "it was cancelled");
  if (context.cancellation.stop_requested())
    return error(ErrorCode::kCancelled, "the caller cancelled it");
  if (failure_) return *failure_;
  if (!ended_ || !items_.empty())
    return error(ErrorCode::kWrongState, "the output has not ended yet");
  if (missing_) return error(ErrorCode::kNotFound, "the command does not exist in the container");
  return *exit_code_;
}

Result<void> ExecProcess::resize(int columns, int rows, const CallContext& context) {
  if (!tty_) return error(ErrorCode::kUnsupported, "the command was run without a terminal");
  if (columns < 1 || rows < 1)
    return error(ErrorCode::kInvalidArgument, "a terminal has at least one column and row");
  const std::lock_guard lock(mutex());
  if (auto checked = checkContext(context, engine_->clock()); !checked) return checked;
  if (failure_) return *failure_;
  if (ended_) return error(ErrorCode::kWrongState, "the command has ended");
  return {};
}

// ---- Pull ----

std::unique_ptr<PullStream> ImagePull::open(const std::shared_ptr<Engine>& engine,
                                            const std::string& reference,
                                            const PullOptions& options) {
  std::unique_ptr<ImagePull> pull(new ImagePull(engine, reference));
  const auto checked = engine->checkPull(reference, options);
  constexpr std::int64_t kLayerBytes = 8 << 20;
  const std::lock_guard lock(engine->mutex());
  pull->attach();
  pull->items_.push_back({.status = "Pulling from " + reference});
  if (!checked) {
    pull->failure_ = checked.error();
    return pull;
  }
  for (const std::int64_t part : {0, 1, 2})
    for (const char* layer : {"layer1", "layer2"})
      pull->items_.push_back({.layer = layer,
                              .status = part == 2 ? "Pull complete" : "Downloading",
                              .current_bytes = kLayerBytes * part / 2,
                              .total_bytes = kLayerBytes});
  pull->ended_ = true;
  return pull;
}

Result<std::optional<PullProgress>> ImagePull::next(const CallContext& context) {
  auto item = QueueStream::next(context);
  if (item && !*item) {
    const std::lock_guard lock(mutex());
    engine_->hasImage(reference_);
  }
  return item;
}

// ---- Exits ----

Result<std::unique_ptr<ExitWatch>> RunWatch::open(const std::shared_ptr<Engine>& engine,
                                                  const ContainerPtr& container) {
  std::unique_ptr<RunWatch> watch(new RunWatch(engine, container));
  const std::lock_guard lock(engine->mutex());
  if (container->removed) return removedMeanwhile();
  watch->attach();
  return std::unique_ptr<ExitWatch>(std::move(watch));
}

/// The first end from now on: of the present run, or of the next one.
void RunWatch::onRunEnded(const ExitStatus& exit) {
  if (!exit_ && !lost_) exit_ = std::make_unique<ExitStatus>(exit);
}

bool RunWatch::ready() const {
  if (lost_ || (removed_ && !exit_)) return true;
  return exit_ && (!container_->hung || container_->removed);
}

Result<ExitStatus> RunWatch::exited(const CallContext& context) {
  const Wake wake(*this, context.cancellation);
  std::unique_lock lock(mutex());
  if (auto waited = await(lock, context); !waited) return waited.error();
  if (exit_) return *exit_;
  return lost_ ? connectionLost() : removedMeanwhile();
}

// ---- Hung containers ----

Result<void> HungCall::pass(const std::shared_ptr<Engine>& engine, const ContainerId& id,
                            const CallContext& context) {
  ContainerPtr container;
  {
    const std::lock_guard lock(engine->mutex());
    const auto found = engine->find(id);
    if (!found || !(*found)->hung) return {};
    container = *found;
  }
  HungCall call(engine, std::move(container));
  const Wake wake(call, context.cancellation);
  std::unique_lock lock(engine->mutex());
  call.attach();
  if (engine->down()) return connectionLost();
  if (call.container_->removed) return {};
  auto waited = call.await(lock, context);
  if (waited && call.lost_) return connectionLost();
  return waited;
}

}  // namespace control::mock

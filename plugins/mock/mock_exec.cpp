#include "mock/mock_exec.h"

#include <utility>

#include "mock/mock_error.h"

namespace control::mock {
namespace {

const Behaviour kNoLabels{};

}  // namespace

ExecProcess::ExecProcess(std::shared_ptr<Engine> engine, ContainerPtr container,
                         const ExecSpec& spec, Program program, StreamFault fault)
    : OutputStream(std::move(engine), std::move(container), std::move(fault)),
      tty_(spec.tty),
      takes_input_(spec.standard_input),
      program_(std::move(program)),
      missing_(program_.kind != Program::Kind::kUnderstood),
      process_(program_, kNoLabels, {.first = false, .input_open = spec.standard_input}, *this) {}

Result<std::unique_ptr<ExecSession>> ExecProcess::open(const std::shared_ptr<Engine>& engine,
                                                       const ContainerPtr& container,
                                                       const ExecSpec& spec, StreamFault fault) {
  if (spec.command.empty()) return Error::invalid("there is no command to run");
  Surroundings surroundings = surroundingsOf(*container);
  surroundings.environment.insert(surroundings.environment.end(), spec.environment.begin(),
                                  spec.environment.end());
  if (!spec.working_directory.empty()) surroundings.working_directory = spec.working_directory;
  if (!spec.user.empty()) surroundings.user = spec.user;
  Program program = parseCommand(spec.command, surroundings);
  if (program.kind == Program::Kind::kOpaque)
    return failure(ErrorCode::kUnsupported,
                   "the mock engine does not understand this command: use sh -c with echo, sleep, "
                   "cat, trap, wait, exit and loops without conditions");
  if (container->removed) return removedMeanwhile();
  if (container->state != ContainerState::kRunning || container->over)
    return failure(ErrorCode::kWrongState,
                   "the container does not run: it is " + std::string(toString(container->state)));
  std::unique_ptr<ExecProcess> session(
      new ExecProcess(engine, container, spec, std::move(program), std::move(fault)));
  session->attach();
  if (session->missing_) {
    session->complain();
    session->ended_ = true;
  } else {
    session->running_in_ = container->run.get();
    session->running_in_->execStarted();
    session->process_.start();
  }
  return std::unique_ptr<ExecSession>(std::move(session));
}

ExecProcess::~ExecProcess() {
  {
    const std::lock_guard lock(mutex());
    // The process is killed with its session.
    for (const Timers::Id id : timers_) engine_->timers().cancel(id);
    if (running_in_ != nullptr) running_in_->execEnded();
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

/// What a real engine writes into the output when the command is not there.
void ExecProcess::complain() {
  if (const auto source = engine_->profile().exec_complaint)
    print(*source, "OCI runtime exec failed: exec failed: no such file or directory\r\n");
}

void ExecProcess::ended(const ProcessEnd& end) {
  std::exchange(running_in_, nullptr)->execEnded();
  exit_code_ = end.exit_code;
  ended_ = true;
  notify();
}

void ExecProcess::onRunOver(const ExitStatus&) {
  process_.end({.exit_code = 137, .signal = Signal::kill()});
}

Result<void> ExecProcess::checkInput(const CallContext& context) const {
  if (auto checked = checkContext(context, engine_->clock()); !checked) return checked;
  if (!takes_input_)
    return failure(ErrorCode::kUnsupported, "the command was run without standard input");
  if (cancelled()) return wasCancelled();
  if (failure_) return *failure_;
  if (ended_) return failure(ErrorCode::kWrongState, "the command has ended");
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
  if (cancelled()) return wasCancelled();
  if (context.cancellation.stop_requested())
    return failure(ErrorCode::kCancelled, "the caller cancelled it");
  if (failure_) return *failure_;
  if (!endTold()) return failure(ErrorCode::kWrongState, "the output has not ended yet");
  if (missing_) return failure(ErrorCode::kNotFound, "the command does not exist in the container");
  return *exit_code_;
}

Result<void> ExecProcess::resize(int columns, int rows, const CallContext& context) {
  if (!tty_) return failure(ErrorCode::kUnsupported, "the command was run without a terminal");
  if (columns < 1 || rows < 1) return Error::invalid("a terminal has at least one column and row");
  const std::lock_guard lock(mutex());
  if (auto checked = checkContext(context, engine_->clock()); !checked) return checked;
  if (failure_) return *failure_;
  if (ended_) return failure(ErrorCode::kWrongState, "the command has ended");
  return {};
}

}  // namespace control::mock

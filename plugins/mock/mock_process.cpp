#include "mock/mock_process.h"

#include <csignal>

#include <algorithm>
#include <utility>

namespace control::mock {
namespace {

/// What a loop that prints without a pause takes for one round.
constexpr Duration kSpinInterval = std::chrono::milliseconds(10);

const Block kServeForEver{Statement{.kind = Statement::Kind::kServe}};

/// Signals that do nothing to a process without a handler for them, or only pause it, which is
/// not modelled.
bool isHarmless(int number) {
  switch (number) {
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGCONT:
    case SIGCHLD:
    case SIGWINCH:
    case SIGURG:
      return true;
    default:
      return false;
  }
}

ProcessEnd endBy(Signal signal) { return {.exit_code = 128 + signal.number, .signal = signal}; }

}  // namespace

Process::Process(const Program& program, const Behaviour& behaviour, Options options, Host& host)
    : program_(program),
      behaviour_(behaviour),
      options_(options),
      host_(host),
      input_open_(options.input_open) {}

void Process::start() {
  alive_ = true;
  startLabels();
  const bool understood =
      program_.kind == Program::Kind::kUnderstood && !behaviour_.replaces_command;
  frames_.push_back({.block = understood ? &program_.body : &kServeForEver});
  if (alive_) run();
}

void Process::startLabels() {
  printLabels();
  if (behaviour_.output_interval && !behaviour_.standard_output.empty())
    schedule(Timer::kOutput, behaviour_.output_interval);
  schedule(Timer::kOom, behaviour_.oom_after);
  schedule(Timer::kCrash, behaviour_.crash_after);
  schedule(Timer::kRunFor, behaviour_.run_for);
}

void Process::printLabels() {
  if (!behaviour_.standard_output.empty())
    host_.print(OutputSource::kStdout, behaviour_.standard_output);
  if (!behaviour_.standard_error.empty())
    host_.print(OutputSource::kStderr, behaviour_.standard_error);
}

void Process::schedule(Timer which, const std::optional<Duration>& delay) {
  if (!alive_ || !delay) return;
  if (*delay == Duration::zero())
    timer(which);
  else if (const TimePoint at = CallContext::after(host_.now(), *delay); at != TimePoint::max())
    host_.setTimer(which, at);
}

void Process::timer(Timer which) {
  if (!alive_) return;
  switch (which) {
    case Timer::kScript:
      blocked_ = Blocked::kNo;
      run();
      return;
    case Timer::kOutput:
      host_.print(OutputSource::kStdout, behaviour_.standard_output);
      schedule(Timer::kOutput, behaviour_.output_interval);
      return;
    case Timer::kRunFor:
      return end({.exit_code = behaviour_.exit_code.value_or(0)});
    case Timer::kCrash:
      return end({.exit_code = behaviour_.exit_code.value_or(1)});
    case Timer::kOom: {
      ProcessEnd killed = endBy(Signal::kill());
      killed.oom = true;
      return end(killed);
    }
    case Timer::kStop:
      return end(ending_.value_or(ProcessEnd{}));
  }
}

void Process::end(const ProcessEnd& how) {
  if (!alive_) return;
  alive_ = false;
  busy_ = false;
  for (std::size_t i = 0; i < kTimers; ++i) host_.clearTimer(static_cast<Timer>(i));
  host_.ended(how);
}

// ---- Signals ----

void Process::signal(Signal signal) {
  if (!alive_) return;
  if (signal == Signal::kill()) return end(endBy(signal));
  if (signal.number == SIGSTOP || handledByLabels(signal)) return;
  if (blocked_ == Blocked::kServing) return serverSignal(signal);
  const auto trap = traps_.find(signal.number);
  if (trap == traps_.end()) return defaultAction(signal);
  if (trap->second->empty() || replaced_) return;
  caught_.push_back(signal.number);
  if (!interruptible()) return;
  if (blocked_ == Blocked::kWait) status_ = 128 + signal.number;
  host_.clearTimer(Timer::kScript);
  blocked_ = Blocked::kNo;
  run();
}

/// A shell runs a trap between commands: a foreground sleep is waited for, `wait` is not.
bool Process::interruptible() const {
  return blocked_ == Blocked::kWait || blocked_ == Blocked::kSpinning;
}

bool Process::handledByLabels(Signal signal) {
  if (behaviour_.ignores_all || behaviour_.ignored.contains(signal.number)) return true;
  const auto found = behaviour_.on_signal.find(signal.number);
  if (found == behaviour_.on_signal.end()) return false;
  const SignalAction& action = found->second;
  switch (action.kind) {
    case SignalAction::Kind::kExit:
      endGracefully({.exit_code = action.code});
      break;
    case SignalAction::Kind::kDie:
      endGracefully(endBy(signal));
      break;
    case SignalAction::Kind::kPrint:
      host_.print(OutputSource::kStdout, action.text);
      break;
    case SignalAction::Kind::kIgnore:
      break;
  }
  return true;
}

void Process::defaultAction(Signal signal) {
  if (isHarmless(signal.number)) return;
  if (options_.init) return end({.exit_code = 128 + signal.number});
  if (!options_.first) return end(endBy(signal));
}

void Process::serverSignal(Signal signal) {
  if (isHarmless(signal.number)) return;
  if (signal == Signal::term() || signal == Signal::interrupt())
    return endGracefully({.exit_code = behaviour_.exit_code.value_or(0)});
  endGracefully(endBy(signal));
}

void Process::endGracefully(const ProcessEnd& how) {
  if (behaviour_.stop_delay == Duration::zero()) return end(how);
  if (ending_) return;
  ending_ = how;
  schedule(Timer::kStop, behaviour_.stop_delay);
}

// ---- Input ----

void Process::input(std::string_view bytes) {
  if (!alive_ || !input_open_) return;
  if (behaviour_.echoes_input || blocked_ == Blocked::kInput) {
    host_.print(OutputSource::kStdout, bytes);
    return;
  }
  // As a pipe: what nobody reads yet is kept up to a limit.
  constexpr std::size_t kPipe = 65536;
  unread_.append(bytes.substr(0, kPipe - std::min(kPipe, unread_.size())));
}

void Process::closeInput() {
  if (!input_open_) return;
  input_open_ = false;
  if (!alive_ || blocked_ != Blocked::kInput) return;
  blocked_ = Blocked::kNo;
  run();
}

// ---- The program ----

void Process::run() {
  while (alive_ && blocked_ == Blocked::kNo)
    if (!step()) end({.exit_code = status_});
}

/// False at the end of the program.
bool Process::step() {
  if (!caught_.empty() && !replaced_) takeTrap();
  if (frames_.empty()) return false;
  Frame& frame = frames_.back();
  if (frame.next < frame.block->size()) {
    execute((*frame.block)[frame.next++]);
  } else if (frame.loop) {
    wrapAround(frame);
  } else {
    frames_.pop_back();
  }
  return true;
}

void Process::takeTrap() {
  const auto trap = traps_.find(caught_.front());
  caught_.pop_front();
  if (trap != traps_.end()) frames_.push_back({.block = trap->second});
}

/// A loop without a pause would never let go of us; it spins instead.
void Process::wrapAround(Frame& frame) {
  frame.next = 0;
  if (!time_passed_) {
    busy_ = true;
    blocked_ = Blocked::kSpinning;
    // One that does nothing at all needs no rounds.
    if (printed_) schedule(Timer::kScript, kSpinInterval);
  }
  time_passed_ = false;
  printed_ = false;
}

void Process::execute(const Statement& statement) {
  using StatementKind = Statement::Kind;
  switch (statement.kind) {
    case StatementKind::kPrint:
      printed_ = true;
      status_ = 0;
      host_.print(statement.source, statement.text);
      break;
    case StatementKind::kSleep:
      sleep(statement);
      break;
    case StatementKind::kBackgroundSleep:
      children_.push_back(statement.duration
                              ? std::optional(CallContext::after(host_.now(), *statement.duration))
                              : std::nullopt);
      break;
    case StatementKind::kWait:
      waitForChildren();
      break;
    case StatementKind::kStatus:
      status_ = statement.code.value_or(0);
      break;
    case StatementKind::kExit:
      end({.exit_code = statement.code.value_or(status_)});
      break;
    case StatementKind::kTrap:
      for (const Signal signal : statement.signals) {
        if (statement.resets)
          traps_.erase(signal.number);
        else
          traps_.insert_or_assign(signal.number, &statement.body);
      }
      break;
    case StatementKind::kLoop:
      time_passed_ = printed_ = false;
      frames_.push_back({.block = &statement.body, .loop = true});
      break;
    case StatementKind::kKillSelf:
      signal(statement.signals.front());
      break;
    case StatementKind::kCopyInput:
      if (statement.replaces_shell) becomeChild();
      time_passed_ = true;
      status_ = 0;
      if (!unread_.empty()) host_.print(OutputSource::kStdout, std::exchange(unread_, {}));
      if (input_open_) blocked_ = Blocked::kInput;
      break;
    case StatementKind::kServe:
      time_passed_ = true;
      blocked_ = Blocked::kServing;
      break;
  }
}

void Process::sleep(const Statement& statement) {
  if (statement.replaces_shell) becomeChild();
  status_ = 0;
  if (statement.duration && *statement.duration == Duration::zero()) return;
  time_passed_ = true;
  blocked_ = Blocked::kSleep;
  schedule(Timer::kScript, statement.duration);
}

/// exec: what comes after it is never run.
void Process::becomeChild() {
  replaced_ = true;
  frames_.clear();
  caught_.clear();
  std::erase_if(traps_, [](const auto& trap) { return !trap.second->empty(); });
}

void Process::waitForChildren() {
  status_ = 0;
  const TimePoint now = host_.now();
  std::erase_if(children_, [&](const auto& ends) { return ends && *ends <= now; });
  if (children_.empty()) return;
  time_passed_ = true;
  blocked_ = Blocked::kWait;
  TimePoint last = now;
  for (const auto& ends : children_) last = std::max(last, ends.value_or(TimePoint::max()));
  if (last != TimePoint::max()) host_.setTimer(Timer::kScript, last);
}

}  // namespace control::mock

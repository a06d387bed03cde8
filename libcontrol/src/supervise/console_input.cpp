#include "supervise/console_input.h"

#include <algorithm>
#include <utility>

namespace control {

Result<void> ConsoleInput::check(std::string_view line) {
  if (line.size() > kLongestLine)
    return Error{.code = ErrorCode::kInvalidArgument,
                 .message = "is longer than " + std::to_string(kLongestLine) + " bytes"};
  if (line.find_first_of("\r\n") != std::string_view::npos)
    return Error{.code = ErrorCode::kInvalidArgument,
                 .message =
                     "holds a line break, which would make several commands of it: send "
                     "each by itself"};
  const auto is_control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  };
  if (std::any_of(line.begin(), line.end(), is_control))
    return Error{.code = ErrorCode::kInvalidArgument,
                 .message =
                     "holds a control character, which a terminal would take for a key: "
                     "send text, and signals as signals"};
  return {};
}

Result<void> ConsoleInput::send(const RunId& run, std::string line, const CallContext& context,
                                Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMostWaiting)
      return Error{.code = ErrorCode::kResourceExhausted,
                   .message = std::to_string(kMostWaiting) + " lines wait for '" + entry_ +
                              "' already: it does not read its stdin"};
    waiting_.push_back({run, std::move(line), context, std::move(done)});
    if (std::exchange(busy_, true)) return {};
  }
  submit_([self = shared_from_this()] { self->workOff(); });
  return {};
}

void ConsoleInput::end() {
  std::shared_ptr<Console> console;
  {
    const std::lock_guard lock(mutex_);
    console = std::move(console_);
    console_ = nullptr;
    run_.reset();
    unfinished_ = false;
  }
  if (console) console->cancel();
}

void ConsoleInput::workOff() {
  for (;;) {
    Waiting line;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        busy_ = false;
        return;
      }
      line = std::move(waiting_.front());
      waiting_.pop_front();
    }
    line.done(write(line));
  }
}

Result<std::shared_ptr<Console>> ConsoleInput::connect(const Waiting& line) {
  {
    const std::lock_guard lock(mutex_);
    if (console_ && run_ == line.run) return console_;
  }
  end();
  auto attached = runtime_.attach(line.run.container, {.standard_input = true}, line.context);
  if (!attached) return attached.error();
  const std::lock_guard lock(mutex_);
  console_ = std::move(*attached);
  run_ = line.run;
  return console_;
}

Result<void> ConsoleInput::write(const Waiting& line) {
  if (runtime_.clock().now() >= line.context.deadline)
    return Error{.code = ErrorCode::kDeadlineExceeded,
                 .message = "'" + entry_ + "' does not read its stdin, and lines wait before this"};
  for (bool again = false;; again = true) {
    const auto console = connect(line);
    if (!console) return console.error();
    bool unfinished = false;
    {
      const std::lock_guard lock(mutex_);
      unfinished = unfinished_;
    }
    // What came before must not run into this line.
    auto written = (*console)->write((unfinished ? "\n" : "") + line.line + "\n", line.context);
    if (!written && written.error().code == ErrorCode::kDeadlineExceeded) {
      const bool nothing = written.error().effect == Effect::kNone;
      const std::lock_guard lock(mutex_);
      unfinished_ = unfinished_ || !nothing;
      return Error{.code = ErrorCode::kDeadlineExceeded,
                   .effect = written.error().effect,
                   .message = "'" + entry_ + "' does not read its stdin, which is full" +
                              (nothing ? "" : "; a part of the line was written")};
    }
    if (written) {
      const std::lock_guard lock(mutex_);
      unfinished_ = false;
      return {};
    }
    end();
    // A connection that was kept and has broken meanwhile, as when the engine was restarted.
    const bool may_repeat =
        written.error().effect == Effect::kNone && written.error().code == ErrorCode::kUnavailable;
    if (!may_repeat || again) return written;
  }
}

}  // namespace control

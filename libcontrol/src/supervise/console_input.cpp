#include "supervise/console_input.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace control {
namespace {

/// In UTF-8: U+0085, U+2028 and U+2029 as well, which some servers end a line at.
bool holdsLineBreak(std::string_view line) {
  constexpr std::string_view kBreaks[] = {"\n", "\r", "\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"};
  return std::any_of(std::begin(kBreaks), std::end(kBreaks), [line](std::string_view line_break) {
    return line.find(line_break) != std::string_view::npos;
  });
}

/// But tabs. In UTF-8: U+0080 to U+009F as well.
bool holdsControl(std::string_view line) {
  unsigned char before = 0;
  return std::any_of(line.begin(), line.end(), [&before](char c) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_second = std::exchange(before, byte) == 0xC2;
    return (byte < 0x20 && c != '\t') || byte == 0x7F || (is_second && byte < 0xA0);
  });
}

}  // namespace

Result<void> ConsoleInput::check(std::string_view line) {
  if (line.size() > kLongestLine)
    return Error{.code = ErrorCode::kInvalidArgument,
                 .message = "is longer than " + std::to_string(kLongestLine) + " bytes"};
  if (holdsLineBreak(line))
    return Error{.code = ErrorCode::kInvalidArgument,
                 .message =
                     "holds a line break, which would make several commands of it: send "
                     "each by itself"};
  if (holdsControl(line))
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

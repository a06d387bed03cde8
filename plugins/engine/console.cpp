#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "engine/console.h"
#include "engine/output.h"
#include "engine/process.h"
#include "engine/wakeup.h"

namespace control::engine {
namespace {

/// What a destructor may spend on the engine.
constexpr Duration kFarewell = std::chrono::seconds(2);
constexpr std::size_t kKeptOutput = 512;

Result<void> writeInput(HttpStream& http, const ConsoleShape& shape, std::string_view bytes,
                        const CallContext& context) {
  if (!shape.input)
    return Error{.code = ErrorCode::kUnsupported, .message = "it was attached without stdin"};
  return writeAll(http, bytes, context);
}

Result<void> endInput(HttpStream& http, const ConsoleShape& shape) {
  if (!shape.input)
    return Error{.code = ErrorCode::kUnsupported, .message = "it was attached without stdin"};
  if (!shape.input_can_end)
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "this stdin outlives its connections; only the process's end ends it"};
  return http.finishWriting();
}

class EngineConsole final : public Console {
 public:
  EngineConsole(std::unique_ptr<HttpStream> http, const ConsoleShape& shape)
      : output_(std::move(http), {.tty = shape.tty, .framed = !shape.tty}), shape_(shape) {}

  Result<std::optional<Output>> next(const CallContext& context) override {
    return output_.next(context);
  }
  int pollFd() const noexcept override { return output_.http().pollFd(); }
  void cancel() noexcept override { output_.http().cancel(); }
  Result<void> write(std::string_view bytes, const CallContext& context) override {
    return writeInput(output_.http(), shape_, bytes, context);
  }
  Result<void> closeInput(const CallContext&) override { return endInput(output_.http(), shape_); }

 private:
  OutputReader output_;
  const ConsoleShape shape_;
};

class EngineExec final : public ExecSession {
 public:
  EngineExec(std::unique_ptr<HttpStream> http, const ConsoleShape& shape, std::string exec_id,
             ContainerId container, ExecSource& engine)
      : output_(std::move(http), {.tty = shape.tty, .framed = !shape.tty}),
        shape_(shape),
        id_(std::move(exec_id)),
        container_(std::move(container)),
        engine_(engine) {}

  ~EngineExec() override {
    // The engine lets a process run on whose client is gone.
    if (!output_.ended()) killProcess();
  }

  Result<std::optional<Output>> next(const CallContext& context) override {
    auto item = output_.next(context);
    if (item && *item && kept_.size() < kKeptOutput)
      kept_ += (*item)->bytes.substr(0, kKeptOutput - kept_.size());
    return item;
  }
  int pollFd() const noexcept override { return output_.http().pollFd(); }
  void cancel() noexcept override { output_.http().cancel(); }
  Result<void> write(std::string_view bytes, const CallContext& context) override {
    return writeInput(output_.http(), shape_, bytes, context);
  }
  Result<void> closeInput(const CallContext&) override { return endInput(output_.http(), shape_); }

  Result<int> exitCode(const CallContext& context) override {
    if (!output_.ended())
      return Error{.code = ErrorCode::kWrongState, .message = "the output has not ended yet"};
    for (int pause_ms = 1;; pause_ms = std::min(pause_ms * 2, 50)) {
      auto state = engine_.inspectExec(id_, context);
      if (!state) return state.error();
      if (!state->running && state->exit_code) return judged(*state->exit_code);
      // The engine records the end a moment after the output's.
      if (auto paused = pause(pause_ms, context); !paused) return paused.error();
    }
  }

  Result<void> resize(int columns, int rows, const CallContext& context) override {
    if (!shape_.tty)
      return Error{.code = ErrorCode::kUnsupported, .message = "the session has no terminal"};
    if (columns < 1 || rows < 1 || columns > 10'000 || rows > 10'000)
      return Error{.code = ErrorCode::kInvalidArgument,
                   .message = "a terminal has 1 to 10000 columns and rows"};
    return engine_.resizeExec(id_, columns, rows, context);
  }

 private:
  Result<int> judged(int code) const {
    const auto failure = engine_.startFailure(code, kept_);
    if (!failure) return code;
    return Error{.code = *failure,
                 .message = "the command was not started: " + kept_,
                 .native = std::to_string(code)};
  }

  Result<void> pause(int milliseconds, const CallContext& context) {
    Wakeup never;
    const CallContext brief =
        context.capped(std::chrono::milliseconds(milliseconds), engine_.clock());
    WaitScope scope(never, brief, engine_.clock());
    const auto woken = scope.wait(never.fd(), 0);
    if (!woken && woken.error().code == ErrorCode::kCancelled) return woken;
    if (context.deadline > engine_.clock().now()) return {};
    return deadlineError();
  }

  void killProcess() {
    const auto context = CallContext::within(kFarewell, engine_.clock());
    for (;;) {
      const auto state = engine_.inspectExec(id_, context);
      if (!state || state->exit_code) return;
      if (state->running && state->pid) {
        // Finds nothing on another host, and nothing where the id means another process by now.
        const auto process = Process::open(*state->pid, container_.value);
        if (process) ::syscall(SYS_pidfd_send_signal, (*process)->fd(), SIGKILL, nullptr, 0);
        return;
      }
      // The engine is about to start it.
      if (!pause(5, context)) return;
    }
  }

  OutputReader output_;
  const ConsoleShape shape_;
  const std::string id_;
  const ContainerId container_;
  ExecSource& engine_;
  std::string kept_{};
};

}  // namespace

Result<void> writeAll(HttpStream& http, std::string_view bytes, const CallContext& context) {
  std::size_t written = 0;
  auto done = http.write(bytes, written, context);
  if (!done && written > 0) {
    Error error = std::move(done).error();
    error.effect = Effect::kApplied;
    error.message += " after " + std::to_string(written) + " bytes of input";
    return error;
  }
  return done;
}

std::unique_ptr<Console> makeConsole(std::unique_ptr<HttpStream> http, const ConsoleShape& shape) {
  return std::make_unique<EngineConsole>(std::move(http), shape);
}

std::unique_ptr<ExecSession> makeExecSession(std::unique_ptr<HttpStream> http,
                                             const ConsoleShape& shape, std::string exec_id,
                                             ContainerId container, ExecSource& engine) {
  return std::make_unique<EngineExec>(std::move(http), shape, std::move(exec_id),
                                      std::move(container), engine);
}

}  // namespace control::engine

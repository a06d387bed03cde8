#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "docker/docker_api.h"
#include "docker/docker_json.h"
#include "docker/docker_output.h"
#include "docker/docker_streams.h"
#include "engine/process.h"
#include "engine/wakeup.h"

namespace control::docker {
namespace {

using engine::HttpStream;
using engine::Method;

/// What a destructor may spend on the engine.
constexpr Duration kFarewell = std::chrono::seconds(2);
constexpr std::size_t kKeptOutput = 512;

Result<void> writeAll(HttpStream& http, const ConsoleShape& shape, std::string_view bytes,
                      const CallContext& context) {
  if (!shape.input)
    return Error{.code = ErrorCode::kUnsupported, .message = "it was attached without stdin"};
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

Result<void> endInput(HttpStream& http, const ConsoleShape& shape) {
  if (!shape.input)
    return Error{.code = ErrorCode::kUnsupported, .message = "it was attached without stdin"};
  if (!shape.input_can_end)
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "this stdin outlives its connections; only the process's end ends it"};
  return http.finishWriting();
}

class DockerConsole final : public Console {
 public:
  DockerConsole(std::unique_ptr<HttpStream> http, const ConsoleShape& shape)
      : output_(std::move(http), shape.tty, false), shape_(shape) {}

  Result<std::optional<Output>> next(const CallContext& context) override {
    return output_.next(context);
  }
  int pollFd() const noexcept override { return output_.http().pollFd(); }
  void cancel() noexcept override { output_.http().cancel(); }
  Result<void> write(std::string_view bytes, const CallContext& context) override {
    return writeAll(output_.http(), shape_, bytes, context);
  }
  Result<void> closeInput(const CallContext&) override { return endInput(output_.http(), shape_); }

 private:
  OutputReader output_;
  const ConsoleShape shape_;
};

class DockerExec final : public ExecSession {
 public:
  DockerExec(std::unique_ptr<HttpStream> http, const ConsoleShape& shape, std::string exec_id,
             ContainerId container, Api& api)
      : output_(std::move(http), shape.tty, false),
        shape_(shape),
        id_(std::move(exec_id)),
        container_(std::move(container)),
        api_(api) {}

  ~DockerExec() override {
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
    return writeAll(output_.http(), shape_, bytes, context);
  }
  Result<void> closeInput(const CallContext&) override { return endInput(output_.http(), shape_); }

  Result<int> exitCode(const CallContext& context) override {
    if (!output_.ended())
      return Error{.code = ErrorCode::kWrongState, .message = "the output has not ended yet"};
    for (int pause_ms = 1;; pause_ms = std::min(pause_ms * 2, 50)) {
      auto state = inspect(context);
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
    auto reply =
        api_.expectSuccess({.method = Method::kPost,
                            .target = "/exec/" + id_ + "/resize?h=" + std::to_string(rows) +
                                      "&w=" + std::to_string(columns)},
                           Subject::kExec, context);
    if (!reply) return reply.error();
    return {};
  }

 private:
  Result<ExecState> inspect(const CallContext& context) {
    auto reply = api_.get("/exec/" + id_ + "/json", Subject::kExec, context);
    if (!reply) return reply.error();
    return parseExecState(std::move(*reply));
  }

  /// The runtime's failure to find the command comes as output with an exit code that a command
  /// may have too.
  Result<int> judged(int code) const {
    if ((code != 126 && code != 127) || kept_.find("OCI runtime exec failed") == std::string::npos)
      return code;
    const bool absent = kept_.find("executable file not found") != std::string::npos ||
                        kept_.find("no such file or directory") != std::string::npos;
    return Error{.code = absent ? ErrorCode::kNotFound : ErrorCode::kStartFailed,
                 .message = "the command was not started: " + kept_,
                 .native = std::to_string(code)};
  }

  Result<void> pause(int milliseconds, const CallContext& context) {
    engine::Wakeup never;
    const CallContext brief = context.capped(std::chrono::milliseconds(milliseconds), api_.clock());
    engine::WaitScope scope(never, brief, api_.clock());
    const auto woken = scope.wait(never.fd(), 0);
    if (!woken && woken.error().code == ErrorCode::kCancelled) return woken;
    if (context.deadline > api_.clock().now()) return {};
    return engine::deadlineError();
  }

  void killProcess() {
    const auto context = CallContext::within(kFarewell, api_.clock());
    for (;;) {
      const auto state = inspect(context);
      if (!state || state->exit_code) return;
      if (state->running && state->pid) {
        // Finds nothing on another host, and nothing where the id means another process by now.
        const auto process = engine::Process::open(*state->pid, container_.value);
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
  Api& api_;
  std::string kept_{};
};

}  // namespace

std::unique_ptr<Console> makeConsole(std::unique_ptr<HttpStream> http, const ConsoleShape& shape) {
  return std::make_unique<DockerConsole>(std::move(http), shape);
}

std::unique_ptr<ExecSession> makeExecSession(std::unique_ptr<HttpStream> http,
                                             const ConsoleShape& shape, std::string exec_id,
                                             ContainerId container, Api& api) {
  return std::make_unique<DockerExec>(std::move(http), shape, std::move(exec_id),
                                      std::move(container), api);
}

}  // namespace control::docker

#include "podman/podman_tty_input.h"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "engine/descriptor.h"
#include "engine/joined_context.h"
#include "engine/process.h"
#include "engine/wakeup.h"

namespace control::podman {
namespace {

using engine::HttpStream;

/// So much is sent at a time, and what the container writes meanwhile is read between.
constexpr std::size_t kPiece = 2048;

/// A control character that is not in `bytes`, by its letter; 0: all are.
char freeControl(std::string_view bytes) {
  for (const char letter : std::string_view("]^_\\@abefghijklnortuvwxyz"))
    if (bytes.find(static_cast<char>(letter & 0x1F)) == std::string_view::npos) return letter;
  return 0;
}

class PodmanTtyInput final : public Console {
 public:
  PodmanTtyInput(Api& api, PodmanEngine& engine, const PodmanRun& run)
      : api_(api), engine_(engine), id_(run.id.value), before_(run) {}

  /// Looks for something that tells the end of the run.
  Result<void> arm(const CallContext& context) {
    epoll_ = engine::Descriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_ || !wakeup_.valid()) return engine::systemError(errno, "cannot open a console");
    if (before_.pid) {
      if (auto process = engine::Process::open(*before_.pid, id_); process)
        process_ = std::move(*process);
    }
    if (!process_) {
      auto wait = before_.running ? engine_.openNotRunning(id_, context)
                                  : engine_.openNextExit(before_, context);
      if (!wait) return wait.error();
      wait_ = std::move(*wait);
    }
    for (const int fd : {wakeup_.fd(), process_ ? process_->fd() : wait_->pollFd()}) {
      epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        return engine::systemError(errno, "cannot open a console");
    }
    return {};
  }

  /// There is nothing to read; the end of the run ends it.
  Result<std::optional<Output>> next(const CallContext& context) override {
    if (wakeup_.cancelled()) return engine::cancelledError();
    if (over_ || (process_ && process_->ended())) return std::optional<Output>();
    if (process_) {
      engine::WaitScope scope(wakeup_, context, api_.clock());
      if (auto ended = scope.wait(process_->fd(), POLLIN); !ended) return ended.error();
    } else {
      const engine::JoinedContext joined(context, cancelled_.get_token());
      if (const auto ended = wait_->take(*joined); !ended) return ended.error();
    }
    over_ = true;
    return std::optional<Output>();
  }

  int pollFd() const noexcept override { return epoll_.get(); }

  void cancel() noexcept override {
    wakeup_.cancel();
    cancelled_.request_stop();
  }

  Result<void> write(std::string_view bytes, const CallContext& context) override {
    if (wakeup_.cancelled()) return engine::cancelledError();
    if (bytes.empty()) return {};
    const engine::JoinedContext joined(context, cancelled_.get_token());
    const char mark = freeControl(bytes);
    if (mark != 0) return writeMarked(bytes, mark, *joined);
    const std::size_t half = bytes.size() / 2;
    if (auto first = write(bytes.substr(0, half), context); !first) return first;
    return write(bytes.substr(half), context);
  }

  Result<void> closeInput(const CallContext&) override {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "a terminal's input is ended by a character, as ctrl-d"};
  }

 private:
  /// An attachment brings a container that is over back to the state before a start: it must not
  /// come to that.
  Result<void> checkRun(const CallContext& context) {
    if (process_ && !process_->ended()) return {};
    const auto run = engine_.look(id_, context);
    if (!run) return run.error();
    const bool same = before_.running ? run->started_at == before_.started_at : true;
    if (same && run->running && !run->paused) return {};
    if (same && run->state == ContainerState::kCreated) return {};
    return Error{.code = ErrorCode::kWrongState,
                 .message = run->paused ? "the container is paused" : "the run is over"};
  }

  /// Ends with a detach sequence of one character that is not in `bytes`. The engine answers it by
  /// closing the connection, once all that came before has gone to the terminal.
  Result<void> writeMarked(std::string_view bytes, char mark, const CallContext& context) {
    if (auto checked = checkRun(context); !checked) return checked;
    auto http = api_.open({.method = engine::Method::kPost,
                           .target = "/containers/" + encoded(id_) +
                                     "/attach?stream=true&stdin=true&stdout=true&stderr=false"
                                     "&detachKeys=" +
                                     encoded(std::string("ctrl-") + mark),
                           .hijack = true},
                          Subject::kContainer, context);
    if (!http) return http.error();
    std::size_t sent = 0;
    auto done = deliver(**http, bytes, static_cast<char>(mark & 0x1F), sent, context);
    if (done || sent == 0) return done;
    Error error = std::move(done).error();
    error.effect = Effect::kUnknown;
    return error;
  }

  Result<void> deliver(HttpStream& http, std::string_view bytes, char mark, std::size_t& sent,
                       const CallContext& context) {
    while (!bytes.empty()) {
      std::size_t now = 0;
      const CallContext brief = context.capped(std::chrono::milliseconds(20), api_.clock());
      const auto written = http.write(bytes.substr(0, kPiece), now, brief);
      sent += now;
      bytes.remove_prefix(now);
      if (!written && !isBrief(written.error(), context)) return written;
      if (auto read = discard(http, past()); !read) return read;
    }
    // The mark must arrive alone.
    for (auto pause = std::chrono::microseconds(50); !http.allRead(); pause *= 2) {
      const auto limit = std::min<Duration>(pause, std::chrono::milliseconds(10));
      if (auto read = discard(http, context.capped(limit, api_.clock())); !read) return read;
      if (context.deadline <= api_.clock().now()) return engine::deadlineError();
    }
    std::size_t now = 0;
    if (auto marked = http.write({&mark, 1}, now, context); !marked) return marked;
    std::string ignored;
    for (;;) {
      ignored.clear();
      const auto more = http.read(ignored, context);
      if (!more) return more.error();
      if (!*more) return {};
    }
  }

  /// Reads what is there until the deadline of `context`.
  Result<void> discard(HttpStream& http, const CallContext& context) {
    std::string ignored;
    for (;;) {
      ignored.clear();
      const auto more = http.read(ignored, context);
      if (!more && more.error().code == ErrorCode::kDeadlineExceeded) return {};
      if (!more) return more.error();
      if (!*more)
        return Error{.code = ErrorCode::kWrongState, .message = "the run ended meanwhile"};
    }
  }

  CallContext past() const {
    return {.deadline = api_.clock().now(), .cancellation = cancelled_.get_token()};
  }

  bool isBrief(const Error& error, const CallContext& context) const {
    return error.code == ErrorCode::kDeadlineExceeded && context.deadline > api_.clock().now();
  }

  Api& api_;
  PodmanEngine& engine_;
  const std::string id_;
  const PodmanRun before_;
  engine::Wakeup wakeup_{};
  engine::Descriptor epoll_{};
  std::stop_source cancelled_{};
  std::unique_ptr<engine::Process> process_{};  ///< of the run, where it is on this host
  std::unique_ptr<engine::EngineWait> wait_{};  ///< else
  bool over_ = false;
};

}  // namespace

Result<std::unique_ptr<Console>> makeTtyInput(Api& api, PodmanEngine& engine, const PodmanRun& run,
                                              const CallContext& context) {
  auto console = std::make_unique<PodmanTtyInput>(api, engine, run);
  if (auto armed = console->arm(context); !armed) return armed.error();
  return std::unique_ptr<Console>(std::move(console));
}

}  // namespace control::podman

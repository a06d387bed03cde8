#include "podman/podman_console.h"

#include <poll.h>
#include <sys/epoll.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "engine/descriptor.h"
#include "engine/joined_context.h"
#include "engine/output.h"
#include "engine/turns.h"
#include "engine/wakeup.h"
#include "podman/podman_tty_input.h"

namespace control::podman {

using engine::HttpStream;

namespace {

Error inputEnded() {
  return {.code = ErrorCode::kWrongState,
          .message = "this run's stdin has ended; Podman opens it again with the next run only"};
}

bool isReadable(int fd) {
  pollfd polled{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&polled, 1, 0) > 0;
}

Result<std::unique_ptr<HttpStream>> openAttach(Api& api, const std::string& id,
                                               const AttachOptions& options,
                                               const CallContext& context) {
  const auto word = [](bool on) { return on ? "true" : "false"; };
  // The engine swallows a detach sequence; the default, ctrl-p ctrl-q, is something a person may
  // type.
  return api.open({.method = engine::Method::kPost,
                   .target = "/containers/" + encoded(id) +
                             "/attach?stream=true&stdin=" + word(options.standard_input) +
                             "&stdout=" + word(options.standard_output) +
                             "&stderr=" + word(options.standard_error) +
                             "&detachKeys=" + encoded("ctrl-^,ctrl-],ctrl-^,ctrl-],ctrl-^,ctrl-_"),
                   .hijack = true},
                  Subject::kContainer, context);
}

}  // namespace

/// One container's stdin, used by any number of consoles.
class Stdin {
 public:
  Stdin(std::unique_ptr<HttpStream> http, std::shared_ptr<Clock> clock)
      : http_(std::move(http)), turns_(std::move(clock)) {}

  /// Nothing ever arrives but the end.
  bool ended() const { return closed_ || isReadable(http_->pollFd()); }
  int pollFd() const noexcept { return http_->pollFd(); }

  Result<void> write(std::string_view bytes, const CallContext& context) {
    if (auto taken = turns_.take(context); !taken) return taken;
    const engine::TurnHolder turn(turns_);
    if (ended()) return inputEnded();
    return engine::writeAll(*http_, bytes, context);
  }

  Result<void> close(const CallContext& context) {
    if (auto taken = turns_.take(context); !taken) return taken;
    const engine::TurnHolder turn(turns_);
    if (closed_) return {};
    auto closed = http_->finishWriting();
    if (closed) closed_ = true;
    return closed;
  }

 private:
  const std::unique_ptr<HttpStream> http_;
  engine::Turns turns_;
  std::atomic<bool> closed_{false};
};

// ---- StdinHolder ----

struct StdinHolder::Slot {
  explicit Slot(std::shared_ptr<Clock> clock) : turns(std::move(clock)) {}

  engine::Turns turns;
  // Whose turn it is uses these:
  bool was_opened = false;
  std::shared_ptr<Stdin> input{};        ///< null: it ended, or was never opened
  std::optional<WallTime> started_at{};  ///< of the run it is known to belong to

  bool isOpen() const { return input && !input->ended(); }
  bool isOf(const PodmanRun& run) {
    if (!run.running) return !started_at;
    if (!started_at && isOpen()) started_at = run.started_at;
    return started_at == run.started_at;
  }
};

StdinHolder::StdinHolder(Api& api) : api_(api) {}
StdinHolder::~StdinHolder() = default;

std::shared_ptr<StdinHolder::Slot> StdinHolder::slotOf(const std::string& id) {
  std::vector<std::shared_ptr<Stdin>> ended;  // closed outside the lock
  const std::lock_guard lock(mutex_);
  auto& slot = slots_[id];
  if (slot) return slot;
  ended = takeEnded();
  return slot = std::make_shared<Slot>(api_.host().clock);
}

/// With mutex_ held: the connections that the engine has closed. Nobody tells when a container ends
/// for good or is removed by others; that its input has ended is remembered.
std::vector<std::shared_ptr<Stdin>> StdinHolder::takeEnded() {
  std::vector<std::shared_ptr<Stdin>> ended;
  for (const auto& [id, slot] : slots_) {
    if (!slot || !slot->turns.take({.deadline = TimePoint{}})) continue;
    const engine::TurnHolder turn(slot->turns);
    if (slot->input && isReadable(slot->input->pollFd())) ended.push_back(std::move(slot->input));
  }
  return ended;
}

Result<std::shared_ptr<Stdin>> StdinHolder::of(const PodmanRun& run, const CallContext& context) {
  const auto slot = slotOf(run.id.value);
  // One at a time: of two connections, the one that is closed would end the input of the other.
  if (auto taken = slot->turns.take(context); !taken) return taken.error();
  const engine::TurnHolder turn(slot->turns);
  if (slot->was_opened) {
    const bool same = slot->isOf(run);
    if (slot->isOpen()) return slot->input;
    if (same) return inputEnded();
  }
  auto http = openAttach(
      api_, run.id.value,
      {.standard_input = true, .standard_output = false, .standard_error = false}, context);
  if (!http) return http.error();
  slot->input = std::make_shared<Stdin>(std::move(*http), api_.host().clock);
  slot->was_opened = true;
  slot->started_at = run.running ? run.started_at : std::nullopt;
  return slot->input;
}

void StdinHolder::forget(const std::string& id) {
  std::shared_ptr<Slot> dropped;  // closed outside the lock
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(id);
  if (found == slots_.end()) return;
  dropped = std::move(found->second);
  slots_.erase(found);
}

// ---- the console ----

namespace {

/// Output over a connection of its own, input over the container's one.
class PodmanConsole final : public Console {
 public:
  PodmanConsole(std::shared_ptr<Stdin> input, std::unique_ptr<HttpStream> output, Clock& clock)
      : input_(std::move(input)), clock_(clock) {
    if (output) output_.emplace(std::move(output), engine::OutputForm{});
  }

  Result<void> arm() {
    epoll_ = engine::Descriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_ || !wakeup_.valid()) return engine::systemError(errno, "cannot open a console");
    for (const int fd : {wakeup_.fd(), output_ ? output_->http().pollFd() : input_->pollFd()}) {
      epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        return engine::systemError(errno, "cannot open a console");
    }
    return {};
  }

  Result<std::optional<Output>> next(const CallContext& context) override {
    if (output_) return output_->next(context);
    // An input alone has nothing to tell but its end.
    if (wakeup_.cancelled()) return engine::cancelledError();
    if (isReadable(input_->pollFd())) return std::optional<Output>();
    engine::WaitScope scope(wakeup_, context, clock_);
    if (auto ended = scope.wait(input_->pollFd(), POLLIN); !ended) return ended.error();
    return std::optional<Output>();
  }

  int pollFd() const noexcept override { return epoll_.get(); }

  void cancel() noexcept override {
    wakeup_.cancel();
    cancelled_.request_stop();
    if (output_) output_->http().cancel();
  }

  Result<void> write(std::string_view bytes, const CallContext& context) override {
    if (!input_) return withoutInput();
    const engine::JoinedContext joined(context, cancelled_.get_token());
    return input_->write(bytes, *joined);
  }

  Result<void> closeInput(const CallContext& context) override {
    if (!input_) return withoutInput();
    const engine::JoinedContext joined(context, cancelled_.get_token());
    return input_->close(*joined);
  }

 private:
  static Error withoutInput() {
    return {.code = ErrorCode::kUnsupported, .message = "it was attached without stdin"};
  }

  const std::shared_ptr<Stdin> input_;
  std::optional<engine::OutputReader> output_{};
  Clock& clock_;
  engine::Wakeup wakeup_{};
  engine::Descriptor epoll_{};
  std::stop_source cancelled_{};
};

Result<std::unique_ptr<Console>> attachTerminal(Api& api, PodmanEngine& engine,
                                                const PodmanRun& run, const AttachOptions& options,
                                                const CallContext& context) {
  if (!options.standard_output && !options.standard_error)
    return makeTtyInput(api, engine, run, context);
  auto http = openAttach(
      api, run.id.value,
      {.standard_input = options.standard_input, .standard_output = true, .standard_error = false},
      context);
  if (!http) return http.error();
  return engine::makeConsole(std::move(*http), {.tty = true, .input = options.standard_input});
}

}  // namespace

Result<std::unique_ptr<Console>> attach(Api& api, PodmanEngine& engine, StdinHolder& holder,
                                        const PodmanRun& run, const AttachOptions& options,
                                        const CallContext& context) {
  if (run.tty) return attachTerminal(api, engine, run, options, context);
  std::unique_ptr<HttpStream> output;
  if (options.standard_output || options.standard_error) {
    AttachOptions wanted = options;
    wanted.standard_input = false;
    auto http = openAttach(api, run.id.value, wanted, context);
    if (!http) return http.error();
    output = std::move(*http);
  }
  std::shared_ptr<Stdin> input;
  if (options.standard_input) {
    auto held = holder.of(run, context);
    if (!held) return held.error();
    input = std::move(*held);
  }
  auto console = std::make_unique<PodmanConsole>(std::move(input), std::move(output), api.clock());
  if (auto armed = console->arm(); !armed) return armed.error();
  return std::unique_ptr<Console>(std::move(console));
}

}  // namespace control::podman

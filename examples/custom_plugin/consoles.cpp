#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "engine/layout.h"
#include "engine/output.h"
#include "engine/runs.h"
#include "followed.h"
#include "streams.h"

namespace process_engine {

using namespace control;

namespace {

Error error(ErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message)};
}

// ---- Output ----

/// What a container writes, up to the end of one run. It is read from files, so that a reader that
/// stalls holds up nobody and, when it is too late, finds a gap.
template <class Base>
class OutputStream : public Followed<Base, Output> {
 public:
  OutputStream(const Engine& engine, Container container, int run, const LogOptions& options)
      : Followed<Base, Output>(engine),
        container_(std::move(container)),
        run_(run),
        options_(options),
        reader_(container_.folder.get(), run) {}

  /// Before the first look.
  Result<void> listen() {
    auto listening = Followed<Base, Output>::listen(container_.folder.get());
    return listening ? Followed<Base, Output>::listen(reader_.folder()) : listening;
  }

  /// Leaves out what was written before.
  void skipHistory() { reader_.skipToEnd(); }

  /// As the options ask for.
  void readHistory() {
    if (!options_.follow) reader_.stopAtEnd();
    if (!options_.tail_lines) return;
    OutputReader counter(container_.folder.get(), run_);
    counter.stopAtEnd();
    std::int64_t lines = 0;
    bool complete = true;
    while (const auto frame = counter.next()) {
      if (!wanted(*frame) || frame->bytes.empty()) continue;
      lines += std::count(frame->bytes.begin(), frame->bytes.end(), '\n');
      complete = frame->bytes.back() == '\n';
    }
    skipped_lines_ = std::max<std::int64_t>(lines + !complete - *options_.tail_lines, 0);
  }

 protected:
  std::optional<Result<std::optional<Output>>> take() override {
    // Before the reading: whatever the run wrote is there when it is over.
    const bool over = !options_.follow || runIsOver();
    while (auto frame = reader_.next()) {
      if (options_.until && toWallTime(frame->at) > *options_.until) return ended();
      if (wanted(*frame) && skipLines(*frame)) return std::optional(toOutput(std::move(*frame)));
    }
    if (over) return ended();
    return std::nullopt;
  }

  bool runIsOver() const {
    const Runs runs = readRuns(container_.folder.get());
    const Run* const run = runs.find(run_);
    return runs.gone || (run != nullptr && run->over) || runs.lastNumber() > run_;
  }

  const Container container_;
  const int run_;

 private:
  static std::optional<Result<std::optional<Output>>> ended() { return std::optional<Output>(); }

  bool wanted(const Frame& frame) const {
    if (frame.source == Source::kStdout && !options_.standard_output) return false;
    if (frame.source == Source::kStderr && !options_.standard_error) return false;
    if (frame.source == Source::kGap)
      return (options_.standard_output || options_.standard_error) && !options_.since &&
             !options_.tail_lines;
    return !options_.since || toWallTime(frame.at) >= *options_.since;
  }

  /// False: nothing is left of the frame.
  bool skipLines(Frame& frame) {
    std::size_t begin = 0;
    while (skipped_lines_ > 0 && begin < frame.bytes.size()) {
      const std::size_t end = frame.bytes.find('\n', begin);
      if (end == std::string::npos) return false;
      --skipped_lines_;
      begin = end + 1;
    }
    frame.bytes.erase(0, begin);
    return begin == 0 || !frame.bytes.empty();
  }

  Output toOutput(Frame frame) const {
    Output output{.source = static_cast<OutputSource>(frame.source),
                  .bytes = std::move(frame.bytes)};
    if (options_.timestamps && frame.at != 0) output.at = toWallTime(frame.at);
    return output;
  }

  const LogOptions options_;
  OutputReader reader_;
  std::int64_t skipped_lines_ = 0;
};

using Log = OutputStream<LogStream>;

// ---- Input ----

/// The write end of a process's stdin.
class Input {
 public:
  Input(const Engine& engine, const Container& container, int run)
      : engine_(engine), container_(container), run_(run), bell_(*engine.monitor) {}

  Result<void> open() {
    // Reading as well: before the start there is no reader, and a writer alone would be refused.
    fifo_.reset(::openat(container_.folder.get(), kStdinFile, O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fifo_) return systemError(errno, "cannot open stdin");
    return bell_.listen(container_.folder.get());
  }

  Result<void> write(std::string_view bytes, const CallContext& context) {
    std::size_t written = 0;
    const auto put = [&]() -> std::optional<Result<void>> {
      if (auto open = checkOpen(); !open) return open.error();
      while (written < bytes.size()) {
        const ssize_t size = ::write(fifo_.get(), bytes.data() + written, bytes.size() - written);
        if (size < 0 && errno == EAGAIN) return std::nullopt;
        if (size < 0) return systemError(errno, "cannot write to stdin");
        written += static_cast<std::size_t>(size);
      }
      return Result<void>();
    };
    auto done = bell_.waitFor<void>(context, *engine_.clock, put, fifo_.get(), POLLOUT);
    if (!done && written > 0) done.error().effect = Effect::kApplied;
    return done;
  }

  Result<void> close() {
    if (auto open = checkOpen(); !open) return open;
    const Runs runs = readRuns(container_.folder.get());
    const Run* const run = runs.find(run_);
    if (run == nullptr) return error(ErrorCode::kWrongState, "the process was not started yet");
    const Fd keeper(static_cast<int>(::syscall(SYS_pidfd_open, run->keeper, 0)));
    if (!keeper || ::syscall(SYS_pidfd_send_signal, keeper.get(), SIGUSR1, nullptr, 0) != 0)
      return error(ErrorCode::kWrongState, "the process has ended");
    fifo_.reset();
    return {};
  }

  void cancel() noexcept { bell_.cancel(); }

 private:
  Result<void> checkOpen() const {
    const Runs runs = readRuns(container_.folder.get());
    const Run* const run = runs.find(run_);
    if (!fifo_ || runs.gone || (run != nullptr && run->over))
      return error(ErrorCode::kWrongState, "stdin has ended");
    return {};
  }

  const Engine& engine_;
  const Container& container_;
  const int run_;
  Fd fifo_{};
  Bell bell_;
};

Error noInput() { return error(ErrorCode::kUnsupported, "it was attached without stdin"); }

/// Both directions; `Base` is Console or ExecSession.
template <class Base>
class TwoWay : public OutputStream<Base> {
 public:
  TwoWay(const Engine& engine, Container container, int run, const AttachOptions& options)
      : OutputStream<Base>(engine, std::move(container), run,
                           {.follow = true,
                            .standard_output = options.standard_output,
                            .standard_error = options.standard_error}) {
    if (options.standard_input) input_.emplace(this->engine_, this->container_, this->run_);
  }

  Result<void> open() {
    if (auto listening = this->listen(); !listening) return listening;
    this->skipHistory();
    return input_ ? input_->open() : Result<void>();
  }

  Result<void> write(std::string_view bytes, const CallContext& context) override {
    return input_ ? input_->write(bytes, context) : noInput();
  }
  Result<void> closeInput(const CallContext&) override {
    return input_ ? input_->close() : noInput();
  }
  void cancel() noexcept override {
    OutputStream<Base>::cancel();
    if (input_) input_->cancel();
  }

 private:
  std::optional<Input> input_{};
};

// ---- Exec ----

/// A process beside process 1: a container within the container, of which only the session knows.
class Session final : public TwoWay<ExecSession> {
 public:
  Session(const Engine& engine, Container container, bool input)
      : TwoWay(engine, std::move(container), 1,
               {.standard_input = input, .standard_output = true, .standard_error = true}) {}

  ~Session() override {
    // The keeper hears the pipe break, kills what runs, and lets its lock go.
    report_.reset();
    Bell bell(*engine_.monitor);
    const int folder = container_.folder.get();
    if (bell.listen(folder)) {
      const auto gone = [&]() -> std::optional<Result<void>> {
        if (isLocked(folder)) return std::nullopt;
        return Result<void>();
      };
      (void)bell.waitFor<void>(CallContext::within(std::chrono::seconds(2)), *systemClock(), gone)
          .has_value();
    }
    removeFolder(container_.path);
  }

  Result<void> start(pid_t master, const CallContext& context) {
    auto launched = launchKeeper(engine_, container_.folder.get(), master, context);
    if (!launched) return launched.error();
    report_ = std::move(launched->report);
    const Line& word = launched->word;
    if (word[0] == "started") return {};
    if (word[0] == "gone") return error(ErrorCode::kWrongState, "the container has ended");
    const bool missing = word.size() == 3 && word[2] == "missing";
    return error(missing ? ErrorCode::kNotFound : ErrorCode::kStartFailed,
                 word.size() > 1 ? word[1] : word[0]);
  }

  Result<int> exitCode(const CallContext&) override {
    if (!ended_) return error(ErrorCode::kWrongState, "the output has not ended yet");
    const Runs runs = readRuns(container_.folder.get());
    const Run* const run = runs.find(run_);
    if (run != nullptr && run->exit_code) return *run->exit_code;
    return error(ErrorCode::kUnavailable, "nobody knows how the process ended");
  }

  Result<void> resize(int, int, const CallContext&) override {
    return error(ErrorCode::kUnsupported, "this engine has no terminals");
  }

 private:
  std::optional<Result<std::optional<Output>>> take() override {
    auto taken = TwoWay::take();
    if (taken && *taken && !**taken) ended_ = true;
    return taken;
  }

  Fd report_{};
  std::atomic<bool> ended_{false};
};

}  // namespace

Result<std::unique_ptr<LogStream>> readLog(const Engine& engine, Container container,
                                           const LogOptions& options) {
  // Of a container that never ran, the first run is followed; of one that ran, the last.
  const int run = std::max(readRuns(container.folder.get()).lastNumber(), 1);
  auto log = std::make_unique<Log>(engine, std::move(container), run, options);
  if (auto listening = log->listen(); !listening) return listening.error();
  log->readHistory();
  return std::unique_ptr<LogStream>(std::move(log));
}

Result<std::unique_ptr<Console>> attachTo(const Engine& engine, Container container,
                                          const AttachOptions& options) {
  const int run = presentOrNext(container.folder.get());
  auto console = std::make_unique<TwoWay<Console>>(engine, std::move(container), run, options);
  if (auto opened = console->open(); !opened) return opened.error();
  return std::unique_ptr<Console>(std::move(console));
}

Result<std::unique_ptr<ExecSession>> runBeside(const Engine& engine, const Container& container,
                                               pid_t keeper, const ExecSpec& spec,
                                               const CallContext& context) {
  Definition definition{.spec = container.definition.spec};
  ContainerSpec& wanted = definition.spec;
  wanted.entrypoint.clear();
  wanted.command = spec.command;
  wanted.environment.insert(wanted.environment.end(), spec.environment.begin(),
                            spec.environment.end());
  if (!spec.working_directory.empty()) wanted.working_directory = spec.working_directory;
  wanted.open_stdin = spec.standard_input;
  Container beside{.path = container.path + '/' + kExecPrefix + randomText(),
                   .definition = definition};
  auto folder = makeFolder(beside.path, definition);
  if (!folder) return folder.error();
  beside.folder = std::move(*folder);
  auto session = std::make_unique<Session>(engine, std::move(beside), spec.standard_input);
  if (auto opened = session->open(); !opened) return opened.error();
  if (auto started = session->start(keeper, context); !started) return started.error();
  return std::unique_ptr<ExecSession>(std::move(session));
}

}  // namespace process_engine

// Looks after one run of a container: starts the process, writes down its output and its end, and
// leaves nothing of it behind. It lives as long as the run does, whoever started it.
//
// A program of its own, so that the host, which has threads, never runs code of ours between fork
// and exec, and so that runs outlive the host.

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "engine/definition.h"
#include "engine/events.h"
#include "engine/files.h"
#include "engine/layout.h"
#include "engine/output.h"
#include "engine/process_tree.h"
#include "engine/runs.h"

namespace process_engine {
namespace {

/// What stopped a child before its exec: the step and the errno.
struct ChildError {
  const char* step = nullptr;
  int error = 0;
};

struct StartFailure {
  std::string reason{};
  bool missing = false;  ///< there is no such command
};

struct Pipe {
  Fd read{}, write{};
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read.reset(ends[0]);
    write.reset(ends[1]);
    return true;
  }
};

void report(const Line& word) {
  const std::string bytes = encode(word);
  [[maybe_unused]] const ssize_t size = ::write(kReportFd, bytes.data(), bytes.size());
}

/// Whether whoever started us has stopped listening.
bool abandoned(int timeout_ms) {
  pollfd fd{.fd = kReportFd, .events = 0, .revents = 0};
  return ::poll(&fd, 1, timeout_ms) > 0;
}

constexpr const char* kExecute = "cannot execute";

class Keeper {
 public:
  /// With a master, the parent folder is the container that it keeps.
  explicit Keeper(pid_t master, Fd signals) : signals_(std::move(signals)) {
    if (master > 0) master_.reset(static_cast<int>(::syscall(SYS_pidfd_open, master, 0)));
    master_missing_ = master > 0 && (!master_ || !isLocked(parent_.get()));
  }

  int run() {
    if (!parent_ || master_missing_) return refuse({"gone"});
    for (;;) {
      lock_ = tryLock(folder_.get());
      if (lock_) break;
      if (readRuns(folder_.get()).running()) return refuse({"running"});
      // Another start, the last moments of a run, or a removal: none takes long.
      if (abandoned(1)) return 1;
    }
    const auto text = readFile(folder_.get(), kSpecFile);
    const auto definition = decodeDefinition(text.value_or(""));
    if (!definition) return refuse({"gone"});
    definition_ = *definition;
    if (const auto error = start()) {
      appendToFile(folder_.get(), kRunsFile, failedLine(error->reason));
      return refuse({"failed", error->reason, error->missing ? "missing" : ""});
    }
    report({"started"});
    // A process beside process 1 ends with its session; a container's run does not.
    if (definition_.id.empty())
      session_ = kReportFd;
    else
      ::close(kReportFd);
    watch();
    finish();
    return 0;
  }

 private:
  static int refuse(const Line& word) {
    report(word);
    return 1;
  }

  void event(const char* type, std::optional<int> code = {}) {
    if (!definition_.id.empty()) appendEvent(parent_.get(), type, definition_, code);
  }

  /// Ends the record of a run whose keeper was killed, and drops records that nobody asks for.
  Run previousRun() {
    constexpr std::size_t kKept = 32;
    const Runs runs = parseRuns(readFile(folder_.get(), kRunsFile).value_or(""));
    if (runs.all.empty()) return {};
    const Run& last = runs.all.back();
    if (!last.over) {
      appendToFile(folder_.get(), kRunsFile, exitedLine({.number = last.number}));
      event("exited");
    }
    if (runs.all.size() > 2 * kKept) {
      ::unlinkat(folder_.get(), "runs.new", 0);
      std::string text;
      for (auto run = runs.all.end() - kKept; run != runs.all.end(); ++run)
        text += startedLine(*run) + exitedLine(*run);
      if (appendToFile(folder_.get(), "runs.new", text))
        ::renameat(folder_.get(), "runs.new", folder_.get(), kRunsFile);
    }
    return last;
  }

  std::optional<StartFailure> start() {
    const Run previous = previousRun();
    run_.number = previous.number + 1;
    run_.keeper = ::getpid();
    output_.emplace(folder_.get(), run_.number);
    Pipe failure;
    if (!out_.open() || !err_.open() || !failure.open())
      return StartFailure{"no pipe: " + words(errno)};
    Fd input(openInput());
    if (!input) return StartFailure{"no stdin: " + words(errno)};
    // Two runs are told apart by their start.
    run_.started_at = std::max(wallClock(), previous.started_at + 1);
    run_.pid = ::fork();
    if (run_.pid < 0) return StartFailure{"no process: " + words(errno)};
    if (run_.pid == 0) becomeProcess(input.get(), failure.write.get());
    out_.write.reset();
    err_.write.reset();
    failure.write.reset();
    ChildError error;
    if (::read(failure.read.get(), &error, sizeof error) == sizeof error) {
      ::waitpid(run_.pid, nullptr, 0);
      return StartFailure{std::string(error.step) + ": " + words(error.error),
                          error.step == kExecute && error.error == ENOENT};
    }
    if (const auto stat = processStat(run_.pid)) run_.pid_began = stat->began;
    keepSpace();
    if (!appendToFile(folder_.get(), kRunsFile, startedLine(run_))) {
      const StartFailure failed{"cannot write down the run: " + words(errno)};
      killAll();
      return failed;
    }
    event("started");
    return std::nullopt;
  }

  /// Room for the end of the run, should the disk be full by then.
  void keepSpace() {
    const Fd file(::openat(folder_.get(), kRunsFile, O_WRONLY | O_CLOEXEC));
    struct stat status {};
    if (file && ::fstat(file.get(), &status) == 0)
      ::fallocate(file.get(), FALLOC_FL_KEEP_SIZE, status.st_size, 4096);
  }

  Fd openInput() {
    if (!definition_.spec.open_stdin) return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    // Keeps stdin open however often somebody attaches and leaves.
    stdin_.reset(::openat(folder_.get(), kStdinFile, O_RDWR | O_NONBLOCK | O_CLOEXEC));
    return Fd(::openat(folder_.get(), kStdinFile, O_RDONLY | O_CLOEXEC));
  }

  [[noreturn]] void becomeProcess(int input, int failure) {
    const control::ContainerSpec& spec = definition_.spec;
    const auto fail = [&](const char* step) {
      const ChildError error{.step = step, .error = errno};
      [[maybe_unused]] const ssize_t size = ::write(failure, &error, sizeof error);
      ::_exit(127);
    };
    // Without its keeper nobody would read its output or learn of its end.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != run_.keeper) ::_exit(127);
    ::setsid();
    ::dup2(input, 0);
    ::dup2(out_.write.get(), 1);
    ::dup2(err_.write.get(), 2);
    ::close(kReportFd);
    if (spec.no_new_privileges) ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!spec.working_directory.empty() && ::chdir(spec.working_directory.c_str()) != 0)
      fail("cannot enter the working directory");
    std::vector<std::string> words = spec.entrypoint;
    words.insert(words.end(), spec.command.begin(), spec.command.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    for (const auto& [name, value] : spec.environment) ::setenv(name.c_str(), value.c_str(), 1);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvp(arguments[0], arguments.data());
    fail(kExecute);
    ::_exit(127);
  }

  /// Until process 1 is over.
  void watch() {
    while (!run_.over) {
      pollfd fds[] = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                      {.fd = out_.read.get(), .events = POLLIN, .revents = 0},
                      {.fd = err_.read.get(), .events = POLLIN, .revents = 0},
                      {.fd = master_.get(), .events = POLLIN, .revents = 0},
                      {.fd = session_, .events = 0, .revents = 0}};
      if (::poll(fds, 5, -1) < 0) continue;
      if (fds[1].revents != 0) copyOutput(out_.read, Source::kStdout);
      if (fds[2].revents != 0) copyOutput(err_.read, Source::kStderr);
      if (fds[3].revents != 0 || fds[4].revents != 0) end();
      if (fds[0].revents != 0) takeSignals();
    }
  }

  /// Once: what it waits for stays readable.
  void end() {
    ::kill(run_.pid, SIGKILL);
    master_.reset();
    session_ = -1;
  }

  /// One piece; closes the pipe at its end.
  bool copyOutput(Fd& pipe, Source source) {
    static char buffer[kMaxFrameBytes];
    const ssize_t size = pipe ? ::read(pipe.get(), buffer, sizeof buffer) : 0;
    if (size > 0) output_->write(source, {buffer, static_cast<std::size_t>(size)});
    if (size == 0) pipe.reset();
    return size > 0;
  }

  void takeSignals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info)
      if (info.ssi_signo == SIGUSR1) stdin_.reset();  // somebody ended stdin
    reap(WNOHANG);
  }

  /// False: there are no children.
  bool reap(int options) {
    for (;;) {
      siginfo_t info{};
      if (::waitid(P_ALL, 0, &info, WEXITED | options) != 0) return errno != ECHILD;
      if (info.si_pid == 0) return true;
      if (info.si_pid == run_.pid) {
        run_.over = true;
        run_.finished_at = wallClock();
        const bool exited = info.si_code == CLD_EXITED;
        run_.exit_code = exited ? info.si_status : 128 + info.si_status;
        if (!exited) run_.signal = info.si_status;
      }
      if (options == 0) return true;
    }
  }

  /// A container ends with its process 1. Orphans become our children, so this reaches all.
  void killAll() {
    do {
      for (const ProcessStat& one : allProcesses())
        if (one.parent == run_.keeper) ::kill(one.pid, SIGKILL);
    } while (reap(0));
  }

  void finish() {
    killAll();
    // Whoever could write is dead; what they wrote is in the pipes.
    for (Fd* const pipe : {&out_.read, &err_.read})
      if (*pipe) ::fcntl(pipe->get(), F_SETFL, O_NONBLOCK);
    while (copyOutput(out_.read, Source::kStdout)) {
    }
    while (copyOutput(err_.read, Source::kStderr)) {
    }
    // What the process did not read is not for the next one.
    const Fd input(::openat(folder_.get(), kStdinFile, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    char rest[4096];
    while (input && ::read(input.get(), rest, sizeof rest) > 0) {
    }
    appendToFile(folder_.get(), kRunsFile, exitedLine(run_));
    event("exited", run_.exit_code);
  }

  static std::string words(int error) { return ::strerror(error); }

  const Fd signals_;
  const Fd folder_{kFolderFd};
  const Fd parent_{::openat(kFolderFd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  Fd master_{};  ///< the process to end with
  bool master_missing_ = false;
  int session_ = -1;  ///< the descriptor to end with
  Fd lock_{};
  Definition definition_{};
  Run run_{};
  Pipe out_{}, err_{};
  Fd stdin_{};
  std::optional<OutputWriter> output_{};
};

}  // namespace
}  // namespace process_engine

int main(int count, char** arguments) {
  using namespace process_engine;
  if (count != 2) return 2;
  // Nobody's child: its end is none of the host's business.
  if (::fork() != 0) ::_exit(0);
  ::setsid();
  ::umask(022);
  [[maybe_unused]] const int changed = ::chdir("/");
  ::close_range(kFolderFd + 1, ~0U, 0);
  ::fcntl(kReportFd, F_SETFD, FD_CLOEXEC);
  ::fcntl(kFolderFd, F_SETFD, FD_CLOEXEC);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  return Keeper(static_cast<pid_t>(toNumber(arguments[1]).value_or(0)),
                Fd(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK)))
      .run();
}

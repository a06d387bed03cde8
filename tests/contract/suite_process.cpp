#include "contract/suite_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <utility>

#include "contract/scratch.h"

namespace control::conform {
namespace {

constexpr int kNoVerdict = -1;
constexpr int kNotConforming = 1;

/// What both processes see.
struct Shared {
  std::atomic<const char*> behaviour{"before the first behaviour"};
  std::atomic<int> verdict{kNoVerdict};
  std::array<std::atomic<off_t>, 2> asked_for{};  ///< of printed[]
};
Shared* shared = nullptr;

std::array<int, 2> printed{-1, -1};                         ///< by descriptor - 1
std::array<int, 2> terminal{STDOUT_FILENO, STDERR_FILENO};  ///< the same

void writeAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

Error notApart(const char* what) {
  return {.code = ErrorCode::kInternal,
          .message = std::string("cannot run the suite: ") + what + ": " + std::strerror(errno)};
}

/// All but those that stop a job and let it go on.
sigset_t passedOn() {
  sigset_t signals;
  ::sigfillset(&signals);
  for (const int one : {SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT}) ::sigdelset(&signals, one);
  return signals;
}

[[noreturn]] void beSuite(const std::function<int()>& suite, pid_t parent, const sigset_t& mask) {
  // Whoever kills the parent for good still has the containers removed.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(kNotConforming);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    const auto index = static_cast<std::size_t>(fd - 1);
    terminal[index] = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    ::dup2(printed[index], fd);
  }
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  const int verdict = suite();
  std::cout.flush();
  std::fflush(nullptr);
  shared->verdict = verdict;
  Scratch::remove();  // the other process may be gone
  std::exit(verdict);
}

/// The suite as its parent sees it.
class Watch {
 public:
  Watch(pid_t child, std::chrono::seconds limit) : child_(child), limit_(limit) {}

  /// Until the child is over.
  void await(const sigset_t& signals) {
    static constexpr timespec kSecond{.tv_sec = 1, .tv_nsec = 0};
    for (;;) {
      const int number = ::sigtimedwait(&signals, nullptr, &kSecond);
      if (number == SIGCHLD && ::waitpid(child_, &status, WNOHANG) == child_) return;
      if (number < 0 && errno == EAGAIN) secondPassed();
      if (number > 0 && number != SIGCHLD) signalled(number);
    }
  }

  int status = 0;
  int ended_by = 0;       ///< the signal that somebody ended the run by
  std::string overdue{};  ///< the behaviour that did not return
  bool given_up = false;  ///< the clean-up did not end

 private:
  void signalled(int number) {
    const sigset_t ending = endingSignals();
    if (::sigismember(&ending, number) != 1) {
      ::kill(child_, number);
    } else if (ended_by != 0) {
      giveUp();
    } else {
      ended_by = number;
      complain("\ninterrupted in " + std::string(shared->behaviour.load()) +
               "; once more ends it without a clean-up\n");
      end(number);
    }
  }

  void secondPassed() {
    ++seconds_;
    if (ending_) {
      if (seconds_ >= kCleanUpLimit.count()) giveUp();
    } else if (const char* const now = shared->behaviour; now != behaviour_) {
      behaviour_ = now;
      seconds_ = 0;
    } else if (seconds_ >= limit_.count()) {
      overdue = now;
      say("  FAIL  " + overdue + ": did not return within " + std::to_string(limit_.count()) +
          " s\n");
      end(SIGTERM);
    }
  }

  void end(int number) {
    if (!std::exchange(ending_, true)) seconds_ = 0;
    ::kill(child_, number);
  }

  void giveUp() {
    given_up = true;
    ::kill(child_, SIGKILL);
  }

  const pid_t child_;
  const std::chrono::seconds limit_;
  const char* behaviour_ = nullptr;
  /// Of the behaviour, or of the clean-up. Counted: those in which the job was stopped are none.
  std::int64_t seconds_ = 0;
  bool ending_ = false;
};

[[noreturn]] void endBy(int number) {
  const rlimit none{};
  ::setrlimit(RLIMIT_CORE, &none);  // the core is the child's
  ::signal(number, SIG_DFL);
  sigset_t all;
  ::sigemptyset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  ::raise(number);
  ::_exit(128 + number);
}

int judge(const Watch& watch) {
  const int status = watch.status;
  const int verdict = shared->verdict;
  const bool by_signal = WIFSIGNALED(status);
  const int number = by_signal ? WTERMSIG(status) : 0;
  // Of no behaviour: a sanitizer's last words, a death of the library's.
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) complain(printedOn(fd));
  if (watch.given_up)
    complain("the clean-up did not end: containers with the label of this run may be left\n");
  if (watch.ended_by != 0) return 128 + watch.ended_by;
  if (!watch.overdue.empty()) {
    say("failed: " + watch.overdue +
        "\nDOES NOT CONFORM: the plugin did not return; what comes after it did not run\n");
    return kNotConforming;
  }
  if (by_signal || verdict == kNoVerdict) {
    const std::string name = shared->behaviour.load();
    say("  DIED  " + name + "\nfailed: " + name +
        "\nDOES NOT CONFORM: the plugin ended the process" +
        (by_signal ? " by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")"
                   : " with exit code " + std::to_string(WEXITSTATUS(status))) +
        '\n');
    if (by_signal) endBy(number);
    return kNotConforming;
  }
  return WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : verdict;
}

}  // namespace

sigset_t endingSignals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int one : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, one);
  return signals;
}

Result<int> runApart(std::chrono::seconds limit, const std::function<int()>& suite) {
  if (auto made = Scratch::make(); !made) return made.error();
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return notApart("mmap");
  shared = new (memory) Shared;
  for (int& one : printed)
    if ((one = ::memfd_create("control-conform", MFD_CLOEXEC)) < 0) return notApart("memfd_create");
  const sigset_t signals = passedOn();
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, &signals, &mask);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return notApart("fork");
  if (child == 0) beSuite(suite, parent, mask);
  Watch watch(child, limit);
  watch.await(signals);
  Scratch::remove();
  return judge(watch);
}

void nowRuns(const char* behaviour) { shared->behaviour = behaviour; }

void endSuite(int verdict) {
  shared->verdict = verdict;
  Scratch::remove();
  ::_exit(verdict);
}

void say(std::string_view text) { writeAll(terminal[0], text); }
void complain(std::string_view text) { writeAll(terminal[1], text); }

std::string printedOn(int descriptor) {
  const auto index = static_cast<std::size_t>(descriptor - 1);
  // The plugin's stdio is ours.
  std::cout.flush();
  std::fflush(nullptr);
  struct stat status {};
  if (::fstat(printed[index], &status) != 0) return {};
  const off_t from = shared->asked_for[index].exchange(status.st_size);
  if (status.st_size <= from) return {};
  std::string text(static_cast<std::size_t>(status.st_size - from), '\0');
  const ssize_t got = ::pread(printed[index], text.data(), text.size(), from);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

}  // namespace control::conform

// Looks after one run of a container: starts the process, writes down its end and leaves nothing of
// it behind. It lives as long as the run does, whoever started it.
//
// A program of its own, so that the host, which has threads, never runs code of ours between fork
// and exec. Its argument is the container's folder, its stdin the container's runs, locked, and its
// stdout a pipe to whoever started it, which is closed when the run has started or has failed to.

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "state.h"

namespace process_engine {
namespace {

constexpr int kRuns = 0;
constexpr int kReport = 1;
constexpr int kFailure = 3;  ///< a file for the reason why it did not start

[[noreturn]] void fail(const std::string& what) {
  const std::string text = what + ": " + ::strerror(errno);
  [[maybe_unused]] const ssize_t size = ::write(kFailure, text.data(), text.size());
  ::_exit(127);
}

[[noreturn]] void becomeProcess(const ContainerSpec& spec, pid_t keeper) {
  // Without its keeper nobody would learn of its end.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) ::_exit(127);
  ::setsid();
  ::umask(022);
  constexpr int kOutput = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
  ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
  ::dup2(::open("stdout", kOutput, 0600), 1);
  ::dup2(::open("stderr", kOutput, 0600), 2);
  const std::string directory = spec.working_directory.empty() ? "/" : spec.working_directory;
  if (::chdir(directory.c_str()) != 0) fail("cannot enter " + directory);
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  for (const auto& [name, value] : spec.environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> words;
  for (const auto* const part : {&spec.entrypoint, &spec.command})
    for (const std::string& word : *part) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvp(words[0], words.data());
  fail(std::string("cannot execute ") + words[0]);
}

/// Waits for a child. A container ends with its process 1: from then on children are killed, and
/// orphans, which become children, as well. False: there are none left.
bool reap(Run& run) {
  if (run.finished_at > 0)
    for (const Process& one : allProcesses())
      if (one.parent == run.keeper) ::kill(one.pid, SIGKILL);
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED) != 0) return false;
  if (info.si_pid != run.pid) return true;
  run.finished_at = wallClock();
  run.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
  run.exit_code = info.si_status + (run.signal == 0 ? 0 : 128);
  return true;
}

void keep() {
  const std::string text = readFile("created");
  std::string_view rest = text;
  const auto entry = decode(rest);
  int exec[2];
  if (!entry || ::pipe2(exec, O_CLOEXEC) != 0) fail("no specification or pipe");
  const std::vector<Run> before = readRuns(kRuns);
  // A keeper that was killed could not tell.
  if (!before.empty() && before.back().finished_at == 0) tell("..", *entry, EventType::kExited);
  // Two runs are told apart by their start.
  const std::int64_t last = before.empty() ? 0 : before.back().started_at;
  Run run{.started_at = std::max(wallClock(), last + 1), .keeper = ::getpid()};
  run.pid = ::fork();
  if (run.pid < 0) fail("no process");
  if (run.pid == 0) becomeProcess(entry->spec, run.keeper);
  ::close(exec[1]);
  char nothing = 0;
  while (::read(exec[0], &nothing, 1) < 0) {
  }
  if (::lseek(kFailure, 0, SEEK_END) > 0) return;
  if (const auto process = findProcess(run.pid)) run.pid_began = process->began;
  const auto writeDown = [&] {
    return ::pwrite(kRuns, &run, sizeof run, static_cast<off_t>(before.size() * sizeof run)) ==
           ssize_t{sizeof run};
  };
  if (!writeDown()) fail("cannot write down the run");  // the process ends with us
  tell("..", *entry, EventType::kStarted);
  ::dup2(kRuns, kReport);  // closes the pipe
  while (reap(run)) {
  }
  // In two steps: whoever reads that it is over finds the rest written.
  writeDown();
  run.over = true;
  writeDown();
  tell("..", *entry, EventType::kExited);
}

}  // namespace
}  // namespace process_engine

int main(int count, char** arguments) {
  // Nobody's child: its end is none of the host's business.
  if (count != 2 || ::fork() != 0 || ::chdir(arguments[1]) != 0) return 0;
  ::setsid();
  ::close_range(3, ~0U, 0);
  if (::open("failure", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) < 0) return 1;
  for (const int given : {0, 1}) ::fcntl(given, F_SETFD, FD_CLOEXEC);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // What the host does with signals is neither the keeper's nor the container's.
  for (int number = 1; number <= 64; ++number) ::signal(number, SIG_DFL);
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  process_engine::keep();
}

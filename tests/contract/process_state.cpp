#include "contract/process_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace control::conform {
namespace {

namespace fs = std::filesystem;

/// Reading it by umask() would set it, for other threads as well.
std::string umaskNow() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "Umask:" && status >> word) return word;
  return {};
}

ProcessState::File whichFile(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

std::string signalName(int signal) {
  if (signal >= SIGRTMIN) return "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
  const char* const name = ::sigabbrev_np(signal);
  return name == nullptr ? "signal " + std::to_string(signal) : std::string("SIG") + name;
}

std::string treatmentOf(const ProcessState::Disposition& one) {
  if (one.handler == reinterpret_cast<const void*>(SIG_DFL)) return "left to the default";
  if (one.handler == reinterpret_cast<const void*>(SIG_IGN)) return "ignored";
  return "handled";
}

std::string inQuotes(const std::string& text) { return "'" + text + "'"; }

void compareSignals(const ProcessState& earlier, const ProcessState& now,
                    std::vector<std::string>& changes) {
  for (const auto& [number, disposition] : now.signals) {
    const auto before = earlier.signals.find(number);
    if (before == earlier.signals.end() || before->second == disposition) continue;
    const bool only_how = treatmentOf(before->second) == treatmentOf(disposition);
    changes.push_back(signalName(number) + " is " + treatmentOf(disposition) +
                      (only_how ? " by another handler or with other flags"
                                : ", it was " + treatmentOf(before->second)) +
                      ": how signals are handled is the host's to say (MSG_NOSIGNAL instead of "
                      "ignoring SIGPIPE, pidfds or waitpid() instead of a handler of SIGCHLD)");
  }
  for (int number = 1; number < NSIG; ++number) {
    const auto index = static_cast<std::size_t>(number);
    if (now.blocked[index] != earlier.blocked[index])
      changes.push_back(signalName(number) + (now.blocked[index] ? " is" : " is no longer") +
                        " blocked in the thread that called: a call that changes the signal mask "
                        "puts it back; signals may be blocked in threads of the plugin's own");
  }
}

void compareEnvironment(const ProcessState& earlier, const ProcessState& now,
                        std::vector<std::string>& changes) {
  static constexpr const char* kRight =
      ": the environment is the host's; settings come by HostContext::environment";
  for (const auto& [name, value] : now.environment) {
    const auto before = earlier.environment.find(name);
    if (before == earlier.environment.end())
      changes.push_back("the environment has got a variable " + name + kRight);
    else if (before->second != value)
      changes.push_back("the environment's variable " + name + " has another value" + kRight);
  }
  for (const auto& [name, value] : earlier.environment)
    if (!now.environment.contains(name))
      changes.push_back("the environment has lost its variable " + name + kRight);
}

}  // namespace

ProcessState ProcessState::now() {
  ProcessState state;
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    // Those that the C library keeps for itself are refused.
    if (::sigaction(number, nullptr, &action) != 0) continue;
    const bool handled = action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
    // Without a handler the other flags mean nothing, and signal() leaves some behind.
    state.signals[number] = {
        .handler = reinterpret_cast<const void*>(action.sa_handler),
        .flags = handled ? action.sa_flags : action.sa_flags & (SA_NOCLDWAIT | SA_NOCLDSTOP)};
  }
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  for (int number = 1; number < NSIG; ++number)
    state.blocked[static_cast<std::size_t>(number)] = ::sigismember(&mask, number) == 1;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    const std::string_view text(*one);
    const std::size_t end = std::min(text.find('='), text.size());
    state.environment.emplace(text.substr(0, end), text.substr(std::min(end + 1, text.size())));
  }
  std::error_code ignored;
  state.folder = fs::current_path(ignored).string();
  state.umask = umaskNow();
  state.locale = std::setlocale(LC_ALL, nullptr);
  for (int fd = 0; fd < 3; ++fd) state.standard_files[static_cast<std::size_t>(fd)] = whichFile(fd);
  return state;
}

std::vector<std::string> ProcessState::changesSince(const ProcessState& earlier) const {
  std::vector<std::string> changes;
  compareSignals(earlier, *this, changes);
  compareEnvironment(earlier, *this, changes);
  if (folder != earlier.folder)
    changes.push_back("the working directory is " + inQuotes(folder) + ", it was " +
                      inQuotes(earlier.folder) + ": use absolute paths, or openat()");
  if (umask != earlier.umask)
    changes.push_back("the umask is " + umask + ", it was " + earlier.umask +
                      ": fchmod() gives one file its mode");
  if (locale != earlier.locale)
    changes.push_back("the locale is " + inQuotes(locale) + ", it was " + inQuotes(earlier.locale) +
                      ": uselocale() is for one thread, std::to_chars for none");
  static constexpr const char* kNames[] = {"stdin", "stdout", "stderr"};
  for (std::size_t fd = 0; fd < 3; ++fd)
    if (standard_files[fd] != earlier.standard_files[fd])
      changes.push_back(std::string(kNames[fd]) + " is closed or another file: descriptor " +
                        std::to_string(fd) + " is the host's");
  return changes;
}

std::map<int, std::string> inheritedDescriptors() {
  std::map<int, std::string> found;
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return found;
  while (const dirent* const entry = ::readdir(folder)) {
    const int fd = std::atoi(entry->d_name);
    const int flags = ::fcntl(fd, F_GETFD);
    if (entry->d_name[0] == '.' || flags < 0 || (flags & FD_CLOEXEC) != 0) continue;
    std::error_code ignored;
    found[fd] = fs::read_symlink(std::string("/proc/self/fd/") + entry->d_name, ignored).string();
  }
  ::closedir(folder);
  return found;
}

}  // namespace control::conform

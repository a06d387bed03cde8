#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/descriptor.h"
#include "agent/stop_signals.h"
#include "support/sanitized.h"

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The agent under something that plays systemd.
class Service : public testing::Test {
 protected:
  Service() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "service-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory_ + "/notify").copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
  }
  ~Service() override {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
    std::filesystem::remove_all(directory_);
  }

  /// `first` comes before the variables that all have, and so in their place.
  pid_t launch(const std::string& watchdog_usec, std::vector<std::string> first = {},
               const std::vector<std::pair<int, int>>& descriptors = {}) const {
    std::vector<std::string> variables = std::move(first);
    for (const std::string& one :
         {"NOTIFY_SOCKET=" + directory_ + "/notify", "WATCHDOG_USEC=" + watchdog_usec,
          "PLUGIN_DIR=" + variable("PLUGIN_DIR"), "DATA_DIR=" + directory_ + "/data",
          "STATE_DIR=" + directory_ + "/state", "BACKUP_DIR=" + directory_ + "/backups",
          std::string("AGENT_SECRET=for-tests-alone"), std::string("RUNTIME=mock:///default"),
          std::string("HEALTH_PORT=0"), std::string("PANEL_URL=ws://127.0.0.1:9"),
          std::string("LOG_LEVEL=off")})
      variables.push_back(one);
    std::vector<char*> environment;
    for (std::string& one : variables) environment.push_back(one.data());
    environment.push_back(nullptr);
    std::string binary = variable("AGENT_BINARY");
    std::array<char*, 2> arguments{binary.data(), nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    for (const auto& [from, to] : descriptors)
      if (from < 0)
        ::posix_spawn_file_actions_addclose(&actions, to);
      else
        ::posix_spawn_file_actions_adddup2(&actions, from, to);
    // Signals that come before the agent waits for them are kept until it does.
    sigset_t blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::sigaddset(&blocked, SIGINT);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigmask(&attributes, &blocked);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t process = -1;
    const int error = ::posix_spawn(&process, binary.c_str(), &actions, &attributes,
                                    arguments.data(), environment.data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("cannot start '" + binary + "'");
    return process;
  }
  /// An agent whose log goes to a pipe that is full and that nobody reads.
  pid_t launchUnread() {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    unread_ = Descriptor(pipe[0]);
    const Descriptor full(pipe[1]);
    ::fcntl(full.get(), F_SETFL, O_NONBLOCK);
    while (::write(full.get(), "x", 1) == 1) {
    }
    ::fcntl(full.get(), F_SETFL, 0);
    return launch("3600000", {"LOG_LEVEL=info"}, {{full.get(), STDOUT_FILENO}});
  }
  std::string next(milliseconds patience) {
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return "nothing";
    std::array<char, 256> text{};
    const ssize_t count = ::recv(socket_.get(), text.data(), text.size(), 0);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }
  void await(const std::string& state) {
    std::string got;
    do {
      got = next(seconds(30));
      if (got == "nothing") throw std::runtime_error("nothing instead of " + state);
    } while (got != state);
  }
  /// The exit code; -1 when a signal ended it, or when it had to be killed.
  static int exitCode(pid_t process) {
    const Descriptor end(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
    pollfd waiting{end.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 60'000) <= 0) ::kill(process, SIGKILL);
    int status = 0;
    ::waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  Descriptor socket_;
  std::string directory_;
  Descriptor unread_;
  pid_t process_ = -1;
};

TEST_F(Service, TellsSystemdThatItIsReadyAliveAndStopping) {
  process_ = launch("3600000");
  await("READY=1");
  for (int i = 0; i < 3; ++i) await("WATCHDOG=1");
  ::kill(process_, SIGTERM);
  await("STOPPING=1");
  EXPECT_EQ(exitCode(std::exchange(process_, -1)), 0);
}

TEST_F(Service, WaitsBetweenItsSignsOfLife) {
  process_ = launch("3600000");
  await("READY=1");
  await("WATCHDOG=1");
  const auto from = std::chrono::steady_clock::now();
  for (int i = 0; i < 2; ++i) await("WATCHDOG=1");
  // A loaded machine makes it later, never sooner.
  EXPECT_GE(std::chrono::steady_clock::now() - from, milliseconds(1'200));
}

TEST_F(Service, AStoppedAgentIsNotAlive) {
  process_ = launch("600000");
  await("READY=1");
  await("WATCHDOG=1");
  ::kill(process_, SIGSTOP);
  while (next(milliseconds(0)) != "nothing") {
  }
  EXPECT_EQ(next(milliseconds(1'000)), "nothing");
  ::kill(process_, SIGCONT);
  await("WATCHDOG=1");
}

TEST_F(Service, ASecondAgentWithOneOfTheSameDirectoriesIsRefused) {
  process_ = launch("3600000");
  await("READY=1");
  const std::string data = "DATA_DIR=" + directory_ + "/data2";
  const std::string state = "STATE_DIR=" + directory_ + "/state2";
  const std::string backups = "BACKUP_DIR=" + directory_ + "/backups2";
  EXPECT_EQ(exitCode(launch("3600000", {data, backups})), 78);
  EXPECT_EQ(exitCode(launch("3600000", {state, backups})), 78);
  EXPECT_EQ(exitCode(launch("3600000", {state, data})), 78);
  const pid_t apart = launch("3600000", {data, state, backups});
  await("READY=1");
  ::kill(apart, SIGTERM);
  EXPECT_EQ(exitCode(apart), 0);
}

TEST_F(Service, NeedsNoStandardStreams) {
  process_ = launch("3600000", {"LOG_LEVEL=info"}, {{-1, 0}, {-1, 1}, {-1, 2}});
  await("READY=1");
  for (const char* fd : {"0", "1", "2"})
    EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(process_) + "/fd/" + fd),
              "/dev/null");
  EXPECT_EQ(std::filesystem::file_size(directory_ + "/state/lock"), 0u);
}

TEST_F(Service, StopsAsEverWhenNobodyReadsItsLog) {
  if (control::test::kThreadSanitized)
    GTEST_SKIP() << "the sanitizer's exit waits for the standard output";
  process_ = launchUnread();
  ::kill(process_, SIGTERM);
  EXPECT_EQ(exitCode(std::exchange(process_, -1)), 0);
}

TEST(StopSignals, EndTheProcessWhenAStopTakesTooLong) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        StopSignals::watch();
        ::kill(::getpid(), SIGTERM);
        for (;;) ::pause();
      },
      testing::ExitedWithCode(70), "");
}

TEST_F(Service, StopsAtOnceOnASecondSignal) {
  process_ = launch("3600000");
  await("READY=1");
  // Both are there when it goes on, so that it cannot have stopped before the second.
  for (const int signal : {SIGSTOP, SIGTERM, SIGINT, SIGCONT}) ::kill(process_, signal);
  const int code = exitCode(std::exchange(process_, -1));
  EXPECT_TRUE(code == 128 + SIGTERM || code == 128 + SIGINT) << code;
}

}  // namespace
}  // namespace agent

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/descriptor.h"

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

  pid_t launch(const std::string& watchdog_usec) const {
    std::vector<std::string> variables = {"NOTIFY_SOCKET=" + directory_ + "/notify",
                                          "WATCHDOG_USEC=" + watchdog_usec,
                                          "PLUGIN_DIR=" + variable("PLUGIN_DIR"),
                                          "DATA_DIR=" + directory_ + "/data",
                                          "STATE_DIR=" + directory_ + "/state",
                                          "AGENT_SECRET=for-tests-alone",
                                          "RUNTIME=mock:///default",
                                          "HEALTH_PORT=0",
                                          "PANEL_URL=ws://127.0.0.1:9",
                                          "LOG_LEVEL=off"};
    std::vector<char*> environment;
    for (std::string& one : variables) environment.push_back(one.data());
    environment.push_back(nullptr);
    std::string binary = variable("AGENT_BINARY");
    std::array<char*, 2> arguments{binary.data(), nullptr};
    pid_t process = -1;
    if (::posix_spawn(&process, binary.c_str(), nullptr, nullptr, arguments.data(),
                      environment.data()) != 0)
      throw std::runtime_error("cannot start '" + binary + "'");
    return process;
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
  static int statusOf(pid_t process) {
    int status = 0;
    ::waitpid(process, &status, 0);
    return status;
  }

  Descriptor socket_;
  std::string directory_;
  pid_t process_ = -1;
};

TEST_F(Service, TellsSystemdThatItIsReadyAliveAndStopping) {
  process_ = launch("3600000");
  await("READY=1");
  for (int i = 0; i < 3; ++i) await("WATCHDOG=1");
  ::kill(process_, SIGTERM);
  await("STOPPING=1");
  const int status = statusOf(std::exchange(process_, -1));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
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

TEST_F(Service, ASecondAgentWithTheSameStateIsRefused) {
  process_ = launch("3600000");
  await("READY=1");
  const int status = statusOf(launch("3600000"));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 78) << status;
}

}  // namespace
}  // namespace agent

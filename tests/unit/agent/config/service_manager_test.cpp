#include "agent/service_manager.h"

#include <array>
#include <cstddef>
#include <map>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/descriptor.h"

namespace agent {
namespace {

using std::chrono::milliseconds;

using Variables = std::map<std::string, std::string>;

ServiceManager::Environment environment(Variables variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

/// What systemd would be: a datagram socket in the abstract namespace.
class Systemd {
 public:
  explicit Systemd(const std::string& name)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  }
  std::string received() {
    std::array<char, 256> text{};
    const ssize_t count = ::recv(socket_.get(), text.data(), text.size(), 0);
    return count < 0 ? "nothing" : std::string(text.data(), static_cast<std::size_t>(count));
  }

 private:
  Descriptor socket_;
};

TEST(ServiceManager, TellsSystemdHowTheServiceIs) {
  const std::string name = "agent-notify-test-" + std::to_string(::getpid());
  Systemd systemd(name);
  ServiceManager manager(environment({{"NOTIFY_SOCKET", '@' + name}}));
  manager.ready();
  EXPECT_EQ(systemd.received(), "READY=1");
  manager.alive();
  EXPECT_EQ(systemd.received(), "WATCHDOG=1");
  manager.stopping();
  EXPECT_EQ(systemd.received(), "STOPPING=1");
}

TEST(ServiceManager, AsksForASignOfLifeThreeTimesAsOftenAsSystemdWaits) {
  const auto interval = [](Variables variables) {
    return ServiceManager(environment(std::move(variables))).interval();
  };
  const std::string self = std::to_string(::getpid());
  EXPECT_EQ(interval({{"NOTIFY_SOCKET", "@x"}, {"WATCHDOG_USEC", "30000000"}}),
            milliseconds(10'000));
  EXPECT_EQ(
      interval({{"NOTIFY_SOCKET", "@x"}, {"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", self}}),
      milliseconds(10'000));
  EXPECT_FALSE(
      interval({{"NOTIFY_SOCKET", "@x"}, {"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", "1"}}));
  EXPECT_FALSE(interval({{"NOTIFY_SOCKET", "@x"}, {"WATCHDOG_USEC", "soon"}}));
  EXPECT_FALSE(interval({{"WATCHDOG_USEC", "30000000"}}));
  EXPECT_FALSE(interval({}));
}

TEST(ServiceManager, WithoutSystemdNothingHappens) {
  for (const char* socket : {"", "/no/such/socket"}) {
    ServiceManager manager(environment({{"NOTIFY_SOCKET", socket}}));
    manager.ready();
    manager.alive();
    manager.stopping();
  }
}

}  // namespace
}  // namespace agent

// What is published is reached from outside, and nothing else is.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <thread>

#include "real_engines/engine_test.h"

namespace control::test {
namespace {

constexpr std::uint16_t kPublished = 25565;
constexpr std::uint16_t kUnpublished = 25566;

/// A socket of another network: where it is made is where it belongs.
class Socket {
 public:
  Socket(const std::string& network, int type) {
    std::thread([&] {
      const int there = network.empty() ? -1 : ::open(network.c_str(), O_RDONLY | O_CLOEXEC);
      if (network.empty() || ::setns(there, CLONE_NEWNET) == 0)
        socket_ = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
      ::close(there);
    }).join();
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Socket() { ::close(socket_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool bindTo(std::uint16_t port) {
    const sockaddr_in address = at(INADDR_ANY, port);
    return ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  bool connectTo(std::uint16_t port) {
    const sockaddr_in address = at(INADDR_LOOPBACK, port);
    return ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  bool send(std::string_view text) {
    return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == std::ssize(text);
  }
  /// What comes within five seconds; empty, and errno: nothing.
  std::string receive() {
    std::string text(100, '\0');
    const ssize_t count = ::recv(socket_, text.data(), text.size(), 0);
    return text.substr(0, count < 0 ? 0 : static_cast<std::size_t>(count));
  }
  /// Sends the next that comes back to where it came from.
  void echo() {
    std::string text(100, '\0');
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* const sender = reinterpret_cast<sockaddr*>(&from);
    const ssize_t count = ::recvfrom(socket_, text.data(), text.size(), 0, sender, &size);
    if (count > 0) ::sendto(socket_, text.data(), static_cast<std::size_t>(count), 0, sender, size);
  }

 private:
  static sockaddr_in at(in_addr_t address, std::uint16_t port) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(address);
    place.sin_port = htons(port);
    return place;
  }

  int socket_ = -1;
};

class PublishedPorts : public EngineTest {
 protected:
  /// One with a program that listens on both ports, of which one is published.
  ContainerInfo listening(PortProtocol protocol) {
    ContainerSpec spec = shell(
        "nc -ll -p 25565 -e echo reached & nc -ll -p 25566 -e echo secret & "
        "until netstat -ltn | grep -q 25565 && netstat -ltn | grep -q 25566; "
        "do sleep 0.1; done; echo ready; sleep 1000");
    spec.network = NetworkMode::kDefault;
    spec.ports = {{.container_port = kPublished, .protocol = protocol}};
    const ContainerId id = run(spec);
    awaitOutput(id);
    ContainerInfo info = look(id);
    EXPECT_EQ(info.spec.ports.size(), 1U);
    info.spec.ports.resize(1);
    EXPECT_NE(info.spec.ports[0].host_port, 0);
    EXPECT_TRUE(info.pid);
    return info;
  }
};

TEST_F(PublishedPorts, OfTcpReachTheContainerAndOthersDoNot) {
  const ContainerInfo info = listening(PortProtocol::kTcp);
  Socket published(engine_.network, SOCK_STREAM);
  ASSERT_TRUE(published.connectTo(info.spec.ports[0].host_port)) << errno;
  EXPECT_EQ(published.receive(), "reached\n");
  Socket other(engine_.network, SOCK_STREAM);
  EXPECT_FALSE(other.connectTo(kUnpublished));
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_F(PublishedPorts, OfUdpReachTheContainerAndOthersDoNot) {
  const ContainerInfo info = listening(PortProtocol::kUdp);
  const std::string inside = "/proc/" + std::to_string(info.pid.value_or(0)) + "/ns/net";
  Socket server(inside, SOCK_DGRAM);
  ASSERT_TRUE(server.bindTo(kPublished)) << errno;
  Socket hidden(inside, SOCK_DGRAM);
  ASSERT_TRUE(hidden.bindTo(kUnpublished)) << errno;
  std::thread echo([&] { server.echo(); });
  Socket published(engine_.network, SOCK_DGRAM);
  EXPECT_TRUE(published.connectTo(info.spec.ports[0].host_port));
  EXPECT_TRUE(published.send("over here"));
  EXPECT_EQ(published.receive(), "over here");
  echo.join();
  Socket other(engine_.network, SOCK_DGRAM);
  EXPECT_TRUE(other.connectTo(kUnpublished));
  EXPECT_TRUE(other.send("secret"));
  EXPECT_EQ(other.receive(), "");
  EXPECT_EQ(errno, ECONNREFUSED);
}

}  // namespace
}  // namespace control::test

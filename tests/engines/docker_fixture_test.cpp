#include "engines/docker_fixture.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace control::test {
namespace {

std::string request(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string socket = dockerSocket();
  std::memcpy(address.sun_path, socket.c_str(), socket.size() + 1);
  std::string reply;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string text = "GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
    if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())) {
      char buffer[4096];
      while (const ssize_t count = ::read(fd, buffer, sizeof buffer)) {
        if (count < 0) break;
        reply.append(buffer, static_cast<std::size_t>(count));
      }
    }
  }
  ::close(fd);
  return reply;
}

TEST(DockerFixture, GivesAnEngineThatAnswers) {
  EXPECT_NE(request("/_ping").find("200 OK"), std::string::npos);
}

TEST(DockerFixture, GivesAnEngineThatHasTheTestImage) {
  const std::string reply = request(std::string("/images/") + kTestImage + "/json");
  EXPECT_NE(reply.find("200 OK"), std::string::npos) << reply;
}

TEST(DockerFixture, GivesTheSameEngineToEveryCall) { EXPECT_EQ(&dockerUri(), &dockerUri()); }

TEST(DockerFixture, KeepsTheEnginesNetworkApartFromTheHosts) {
  const std::string network = dockerNetworkNamespace();
  if (std::getenv("CONTROL_TEST_DOCKER") != nullptr) return;  // an engine of the caller's choice
  struct stat ours {};
  struct stat engines {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &ours), 0);
  ASSERT_EQ(::stat(network.c_str(), &engines), 0) << network;
  EXPECT_NE(ours.st_ino, engines.st_ino);
}

}  // namespace
}  // namespace control::test

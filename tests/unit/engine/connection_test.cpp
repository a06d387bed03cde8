#include "engine/connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <future>

#include "support/temp_dir.h"

namespace {

/// Given by the test when the name server may answer. Never destroyed: libcurl's thread that asks
/// may outlive the test.
std::promise<void>& mayAnswer() {
  static auto* const promise = new std::promise<void>();
  return *promise;
}

}  // namespace

/// In place of the C library's: a name server that is silent. Not for ever, so that a test that
/// fails ends.
extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char*, const char*,
                                                                  const addrinfo*, addrinfo**) {
  static const auto* const answer = new std::shared_future<void>(mayAnswer().get_future().share());
  answer->wait_for(std::chrono::seconds(3));
  return EAI_AGAIN;
}

namespace control::engine {
namespace {

/// How many descriptors a program that is started now inherits.
int inherited() {
  int count = 0;
  for (int fd = 0; fd < 200; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ++count;
  }
  return count;
}

TEST(Connection, OfAUnixSocketIsNotInheritedByPrograms) {
  const test_support::TempDir folder;
  const std::string path = folder.path() + "/engine.sock";
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  const int before = inherited();
  const auto connection = Connection::open({.socket_path = path}, {}, *systemClock());
  ASSERT_TRUE(connection) << connection.error().message;
  EXPECT_EQ(inherited(), before);

  // And it is a connection.
  const int peer = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  const CallContext context = CallContext::within(std::chrono::seconds(60));
  WaitScope scope((*connection)->wakeup(), context, *systemClock());
  std::size_t sent = 0;
  ASSERT_TRUE((*connection)->send("question", sent, scope));
  EXPECT_EQ(sent, 8U);
  char heard[16] = {};
  EXPECT_EQ(::recv(peer, heard, sizeof heard, 0), 8);
  ASSERT_EQ(::send(peer, "answer", 6, 0), 6);
  std::string answer;
  const auto more = (*connection)->receive(answer, scope);
  EXPECT_TRUE(more && *more);
  EXPECT_EQ(answer, "answer");
  ::close(peer);
  const auto end = (*connection)->receive(answer, scope);
  EXPECT_TRUE(end && !*end);
  EXPECT_FALSE((*connection)->send("anybody?", sent, scope));
  ::close(listener);
}

TEST(Connection, IsGivenUpInTimeWhileTheNameServerIsSilent) {
  const auto begin = std::chrono::steady_clock::now();
  const auto connection =
      Connection::open({.host = "engine.invalid", .port = 2376},
                       CallContext::within(std::chrono::milliseconds(100)), *systemClock());
  const auto took = std::chrono::steady_clock::now() - begin;
  mayAnswer().set_value();
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_LT(took, std::chrono::seconds(2));
}

}  // namespace
}  // namespace control::engine

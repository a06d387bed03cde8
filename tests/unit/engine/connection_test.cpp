#include "engine/connection.h"

#include <gtest/gtest.h>
#include <netdb.h>

#include <future>

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

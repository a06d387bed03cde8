#include "engine/http_client.h"

#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "support/scripted_engine.h"

namespace control::engine {
namespace {

using test::ScriptedEngine;
using namespace std::chrono_literals;

/// Answers nothing until the client has sent another request on another connection.
class HttpAhead : public ::testing::Test {
 protected:
  Result<std::unique_ptr<HttpStream>> openAhead(const ScriptedEngine& engine) {
    client_.emplace(Address{.socket_path = engine.socketPath()}, systemClock());
    return client_->openAhead({.method = Method::kGet, .target = "/logs"},
                              CallContext::within(30s));
  }

  std::optional<HttpClient> client_;
};

TEST_F(HttpAhead, ReturnsBeforeTheAnswerAndReadsItThen) {
  std::promise<void> may_answer;
  ScriptedEngine engine([&](const ScriptedEngine::Request&, ScriptedEngine::Peer& peer) {
    may_answer.get_future().wait();
    peer.reply(200, "late");
    return true;
  });
  auto stream = openAhead(engine);
  ASSERT_TRUE(stream) << stream.error().message;
  std::string body;
  const auto nothing = (*stream)->read(body, CallContext::within(10ms));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::kDeadlineExceeded);
  may_answer.set_value();
  const auto more = (*stream)->read(body, CallContext::within(30s));
  ASSERT_TRUE(more) << more.error().message;
  EXPECT_TRUE(*more);
  EXPECT_EQ(body, "late");
  const auto end = (*stream)->read(body, CallContext::within(30s));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_FALSE(*end);
}

TEST_F(HttpAhead, TellsTheStatusOnceItIsThere) {
  ScriptedEngine engine([](const ScriptedEngine::Request&, ScriptedEngine::Peer& peer) {
    peer.reply(404, "words");
    return true;
  });
  auto stream = openAhead(engine);
  ASSERT_TRUE(stream) << stream.error().message;
  for (int times = 0; times < 2; ++times) {
    const auto head = (*stream)->awaitHead(CallContext::within(30s));
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_EQ((*stream)->head().status, 404);
  }
  const auto body = (*stream)->readAll(CallContext::within(30s));
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(*body, "words");
}

TEST_F(HttpAhead, TellsAConnectionThatEndsWithoutAnAnswer) {
  ScriptedEngine engine(
      [](const ScriptedEngine::Request&, ScriptedEngine::Peer&) { return false; });
  auto stream = openAhead(engine);
  ASSERT_TRUE(stream) << stream.error().message;
  std::string body;
  const auto read = (*stream)->read(body, CallContext::within(30s));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace control::engine
